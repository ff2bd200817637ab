# SPDX-License-Identifier: Apache-2.0
"""Detects objects in frames cut from a photograph with torchvision's SSDlite on MobileNetV3.

For each of its 90 classes the detector asks how many boxes are above the threshold, and goes on with that many: some 180 numbers per frame
that come from the device before the program can go on. The weights are seeded, not trained. So that boxes pass, and another number of
them in each frame, the batch norms learn their statistics from four frames, and two numbers spread the class scores.
"""

import time

START = time.perf_counter()

import argparse
import json

import numpy
import torch
from torch import nn
from torchvision.models import detection
from torchvision.transforms import functional

from photo import load_photo

SIZE, CLASSES, MOST = 320, 91, 300
SPREAD, BACKGROUND = 6.0, 12.0  # of the class scores: their factor, and what the background's has more


def frame(photo, index):
    """The index-th frame: a window that wanders over the photograph."""
    left = 7 * index % (photo.width - SIZE)
    top = 5 * index % (photo.height - SIZE)
    return functional.to_tensor(photo.crop((left, top, left + SIZE, top + SIZE)))


@torch.no_grad()
def build_model(photo):
    torch.manual_seed(3)
    model = detection.ssdlite320_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=CLASSES, score_thresh=0.3, detections_per_img=MOST
    ).eval()

    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.train().momentum = 1.0
    images, _ = model.transform([frame(photo, 8 * k) for k in range(4)])
    model.head(list(model.backbone(images.tensors).values()))
    for norm in norms:
        norm.eval()

    for predictor in model.head.classification_head.module_list:
        scores = predictor[-1]
        scores.weight.mul_(SPREAD)
        scores.bias.view(-1, CLASSES)[:, 0] += BACKGROUND
    return model


@torch.no_grad()
def detect(model, image, device):
    """The boxes that were found, best first: a row of left, top, right, bottom, score and class each."""
    found = model([image.to(device)])[0]
    return torch.cat([found["boxes"], found["scores"][:, None], found["labels"][:, None].float()], dim=1).cpu()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=["cpu", "cuda"])
    parser.add_argument("--frames", type=int, default=5)
    parser.add_argument("--photo", help="an image, an .npy, or scikit-image's wheel")
    parser.add_argument("--out", help="write the boxes of all frames to this .npz")
    parser.add_argument("--times", help="write the times in ms to this JSON file")
    options = parser.parse_args()

    photo = load_photo(options.photo)
    model = build_model(photo).to(options.device)
    load_ms = (time.perf_counter() - START) * 1e3

    boxes, begins, times = numpy.zeros((options.frames, MOST, 6), dtype=numpy.float32), [], []
    for index in range(options.frames):
        image = frame(photo, index)
        begins.append(time.perf_counter())
        found = detect(model, image, options.device)
        times.append((time.perf_counter() - begins[-1]) * 1e3)
        by_class = found[found[:, 5].sort(stable=True).indices]  # boxes of equal score may come in any order
        boxes[index, : len(found)] = by_class.numpy()
        n_classes = len(found[:, 5].unique())
        print(f"frame {index}: {len(found)} boxes of {n_classes} classes, the best p = {found[0, 4]:.6f}")

    if options.out:
        numpy.savez(options.out, boxes=boxes)
    if options.times:
        with open(options.times, "w") as file:
            json.dump({"import_load_ms": load_ms, "first_ms": times[0], "steady_ms": times[1:], "steady_begin_s": begins[1:]}, file)


if __name__ == "__main__":
    main()
