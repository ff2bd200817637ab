# SPDX-License-Identifier: Apache-2.0
"""One inference a frame of a network from the evaluation of robots that offload: four classifiers, a person detector, a 3D-occupancy network.

    bench_models.py --model NAME --device cpu|cuda --frames N --out FILE.npz --times FILE

vgg19_bn, resnet152, densenet121 and convnext_large are torchvision's, on windows of 224 pixels of a photograph. keypointrcnn is torchvision's
keypointrcnn_resnet50_fpn on windows of 416: how many persons it finds, and how large each is, comes from the device before the program can
go on. occupancy completes a grid of 128 x 128 x 32 voxels, 2 MiB in and 2 MiB out. Weights are seeded, not trained; so that answers differ
from frame to frame, batch norms learn their statistics from a few frames.
"""

import time

START = time.perf_counter()

import argparse
import json
from pathlib import Path

import numpy
import torch
from torch import nn
from torchvision import models
from torchvision.models import detection
from torchvision.transforms import functional

from photo import load_photo

MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)


@torch.no_grad()
def learn_statistics(model, *inputs):
    """Each batch norm's running statistics become those of these inputs. Residual blocks add less than what they are added to: else a deep
    network without training makes large differences of small ones."""
    for module in model.modules():
        if hasattr(module, "bn3"):
            module.bn3.weight.fill_(0.3)
    norms = [module for module in model.modules() if isinstance(module, NORMS)]
    for norm in norms:
        norm.train().momentum = 1.0
    model(*inputs)
    for norm in norms:
        norm.eval()


def window(photo, index, size):
    """The index-th frame: a window that wanders over the photograph."""
    left = 7 * index % (photo.width - size)
    top = 5 * index % (photo.height - size)
    return functional.to_tensor(photo.crop((left, top, left + size, top + size)))


class Classifier:
    """A network of torchvision's by name; the result of a frame is its 1,000 logits."""

    def __init__(self, name):
        self.name, self.size, self.photo = name, 224, None

    def frame(self, index):
        return functional.normalize(window(self.photo, index, self.size), MEAN, DEVIATION).unsqueeze(0)

    @torch.no_grad()
    def build(self):
        torch.manual_seed(1)
        model = getattr(models, self.name)(weights=None).eval()
        for module in model.modules():
            if hasattr(module, "layer_scale"):  # 1e-6 by default: untrained blocks would add nothing
                module.layer_scale.fill_(1.0)
        if any(isinstance(module, NORMS) for module in model.modules()):
            learn_statistics(model, torch.cat([self.frame(8 * k) for k in range(2)]))
        return model

    def infer(self, model, image, device):
        return {"logits": model(image.to(device)).cpu()[0]}

    def describe(self, result):
        probabilities = result["logits"].softmax(dim=0)
        return f"class {probabilities.argmax()}, p = {probabilities.max():.6f}"


class KeypointDetector:
    """Persons and 17 keypoints of each. Untrained, so a few numbers spread the scores of regions and boxes: some pass, another number of them
    in each frame."""

    MOST = 20  # persons

    def __init__(self):
        self.size, self.photo = 416, None

    def frame(self, index):
        return window(self.photo, index, self.size)

    @torch.no_grad()
    def build(self):
        torch.manual_seed(1)
        model = detection.keypointrcnn_resnet50_fpn(
            weights=None, weights_backbone=None, min_size=self.size, box_score_thresh=0.5, box_detections_per_img=self.MOST
        ).eval()
        images, _ = model.transform([self.frame(8 * k) for k in range(2)])
        learn_statistics(model.backbone, images.tensors)
        scores, rpn = model.roi_heads.box_predictor.cls_score, model.rpn.head
        for weight, factor in ((scores.weight, 20), (rpn.bbox_pred.weight, 20), (rpn.cls_logits.weight, 20)):
            weight.mul_(factor)
        scores.bias[0] += 6.0  # the background's
        return model

    def infer(self, model, image, device):
        found = model([image.to(device)])[0]
        parts = (found["boxes"], found["scores"][:, None], found["keypoints"].flatten(1), found["keypoints_scores"])
        rows = torch.cat(parts, dim=1).cpu()
        padded = torch.zeros(self.MOST, rows.shape[1])
        padded[: len(rows)] = rows
        return dict(zip(("boxes", "scores", "keypoints", "keypoint_scores"), padded.split([4, 1, 51, 17], dim=1)))

    def describe(self, result):
        scores = result["scores"].flatten()
        return f"{(scores > 0).sum()} persons, the best p = {scores[0]:.6f}"


def layer(convolution, norm, *arguments, **options):
    made = convolution(*arguments, bias=False, **options)
    return nn.Sequential(made, norm(made.out_channels), nn.ReLU())


class Occupancy(nn.Module):
    """Which voxels are occupied, where a sensor has seen some of their surfaces. Shaped like the small networks that robots use: seen from above, with
    the heights as channels, a U-Net of 2D convolutions; beside it, in space, a few 3D convolutions; both meet in a 3D head."""

    HEIGHTS, SIDE = 32, 128

    def __init__(self):
        super().__init__()
        flat = lambda n_in, n_out, **options: layer(nn.Conv2d, nn.BatchNorm2d, n_in, n_out, 3, padding=1, **options)
        deep = lambda n_in, n_out, dilation=1, **options: layer(
            nn.Conv3d, nn.BatchNorm3d, n_in, n_out, 3, padding=dilation, dilation=dilation, **options
        )
        n = self.HEIGHTS
        self.above = nn.ModuleList([flat(n, n), flat(n, 2 * n, stride=2), flat(2 * n, 4 * n, stride=2)])
        self.grow = nn.ModuleList(
            [
                layer(nn.ConvTranspose2d, nn.BatchNorm2d, 4 * n, 2 * n, 2, stride=2),
                layer(nn.ConvTranspose2d, nn.BatchNorm2d, 4 * n, n, 2, stride=2),
            ]
        )
        self.out_above = flat(2 * n, n)
        self.space = nn.Sequential(
            deep(1, 8, stride=2),
            deep(8, 16),
            deep(16, 16, dilation=2),
            layer(nn.ConvTranspose3d, nn.BatchNorm3d, 16, 8, 2, stride=2),
        )
        self.head = nn.Sequential(deep(9, 8), nn.Conv3d(8, 1, 1))

    def forward(self, grid):  # (batch, heights, side, side)
        one = self.above[0](grid)
        two = self.above[1](one)
        x = self.grow[0](self.above[2](two))
        x = self.grow[1](torch.cat([x, two], dim=1))
        x = self.out_above(torch.cat([x, one], dim=1))
        return self.head(torch.cat([self.space(grid.unsqueeze(1)), x.unsqueeze(1)], dim=1)).squeeze(1)


class OccupancyNetwork:
    """The frames are hilly ground of which two thirds of the surface were seen."""

    def frame(self, index):
        generator = torch.Generator().manual_seed(7)
        hills = nn.functional.interpolate(torch.randn(1, 1, 24, 24, generator=generator), size=256, mode="bicubic")[0, 0]
        side = Occupancy.SIDE
        left, top = 3 * index % side, 2 * index % side
        surface = 12 + 5 * hills[top : top + side, left : left + side]
        heights = torch.arange(Occupancy.HEIGHTS, dtype=torch.float32).view(-1, 1, 1)
        seen = torch.rand(side, side, generator=generator.manual_seed(1000 + index)) < 0.67
        return (((heights - surface).abs() < 1) & seen).float().unsqueeze(0)

    def build(self):
        torch.manual_seed(1)
        model = Occupancy().eval()
        learn_statistics(model, torch.cat([self.frame(8 * k) for k in range(2)]))
        return model

    def infer(self, model, grid, device):
        return {"occupancy": model(grid.to(device)).cpu()[0]}

    def describe(self, result):
        return f"{(result['occupancy'] > 0).sum()} voxels occupied, the highest logit {result['occupancy'].max():.6f}"


NETWORKS = {name: Classifier(name) for name in ("vgg19_bn", "resnet152", "densenet121", "convnext_large")}
NETWORKS.update(keypointrcnn=KeypointDetector(), occupancy=OccupancyNetwork())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, choices=NETWORKS)
    parser.add_argument("--device", default="cuda", choices=["cpu", "cuda"])
    parser.add_argument("--frames", type=int, default=5)
    parser.add_argument("--size", type=int, help="side of the images in pixels, instead of the network's own")
    parser.add_argument("--photo", help="an image, an .npy, or scikit-image's wheel")
    parser.add_argument("--out", help="write the results of all frames to this .npz")
    parser.add_argument("--times", help="write the times in ms to this JSON file")
    parser.add_argument("--ready", help="touch this file after the first frame: all is loaded, what follows is steady")
    options = parser.parse_args()

    network = NETWORKS[options.model]
    network.photo = load_photo(options.photo)
    network.size = options.size or getattr(network, "size", None)
    model = network.build().to(options.device)
    load_ms = (time.perf_counter() - START) * 1e3

    results, times = [], []
    for index in range(options.frames):
        frame = network.frame(index)
        begin = time.perf_counter()
        with torch.no_grad():
            result = network.infer(model, frame, options.device)
        times.append((time.perf_counter() - begin) * 1e3)
        if index == 0 and options.ready:
            Path(options.ready).touch()
        results.append(result)
        print(f"frame {index}: {network.describe(result)}", flush=True)

    if options.out:
        numpy.savez(options.out, **{name: numpy.stack([result[name].numpy() for result in results]) for name in results[0]})
    if options.times:
        with open(options.times, "w") as file:
            json.dump({"import_load_ms": load_ms, "first_ms": times[0], "steady_ms": times[1:]}, file)


if __name__ == "__main__":
    main()
