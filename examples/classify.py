# SPDX-License-Identifier: Apache-2.0
"""Classifies frames cut from a photograph with ResNet-18, one frame at a time, as a camera loop would.

The weights are seeded, not trained, so nothing is downloaded: what matters here is the computation, not the label.
"""

import time

START = time.perf_counter()

import argparse
import json

import numpy
import torch
from torchvision import models, transforms

from photo import load_photo

SIZE = 224
PREPARE = transforms.Compose(
    [transforms.ToTensor(), transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
)


def frame(photo, index):
    """The index-th frame: a window that wanders over the photograph."""
    left = 7 * index % (photo.width - SIZE)
    top = 5 * index % (photo.height - SIZE)
    return PREPARE(photo.crop((left, top, left + SIZE, top + SIZE)))


def build_model():
    torch.manual_seed(1)
    return models.resnet18(weights=None).eval()


@torch.no_grad()
def classify(model, image, device):
    logits = model(image.unsqueeze(0).to(device))
    return torch.softmax(logits, dim=1).cpu()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=["cpu", "cuda"])
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--photo", help="an image, an .npy, or scikit-image's wheel")
    parser.add_argument("--out", help="write the probabilities of all frames to this .npz")
    parser.add_argument("--times", help="write the times in ms to this JSON file")
    options = parser.parse_args()

    photo = load_photo(options.photo)
    model = build_model().to(options.device)
    load_ms = (time.perf_counter() - START) * 1e3

    probabilities, begins, times = [], [], []
    for index in range(options.frames):
        image = frame(photo, index)
        begins.append(time.perf_counter())
        result = classify(model, image, options.device)
        times.append((time.perf_counter() - begins[-1]) * 1e3)
        probabilities.append(result[0].numpy())
        best = result.argmax().item()
        print(f"frame {index}: class {best}, p = {result[0, best]:.6f}")

    if options.out:
        numpy.savez(options.out, probabilities=numpy.stack(probabilities))
    if options.times:
        with open(options.times, "w") as file:
            json.dump({"import_load_ms": load_ms, "first_ms": times[0], "steady_ms": times[1:], "steady_begin_s": begins[1:]}, file)


if __name__ == "__main__":
    main()
