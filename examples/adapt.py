# SPDX-License-Identifier: Apache-2.0
"""Adapts a vision transformer to what it sees, at test time: each step classifies a few frames and makes the answers surer.

A ViT-small in training mode (dropout on) classifies a batch of windows of a photograph; the mean entropy of its answers is the loss; the
backward pass and SGD move the LayerNorm parameters only, as test-time adaptation does. A frame is one step. The weights are seeded, not
trained. Dropout's numbers come from the device's own generator, so results on another device are comparable with --dropout 0 only.
"""

import time

START = time.perf_counter()

import argparse
import json

import numpy
import torch
from torch import nn
from torchvision import models, transforms

from photo import load_photo

SIZE = 224
PREPARE = transforms.Compose(
    [transforms.ToTensor(), transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
)


def batch(photo, index, n):
    """The index-th batch: n windows that wander over the photograph."""
    windows = []
    for k in range(n * index, n * (index + 1)):
        left = 7 * k % (photo.width - SIZE)
        top = 5 * k % (photo.height - SIZE)
        windows.append(PREPARE(photo.crop((left, top, left + SIZE, top + SIZE))))
    return torch.stack(windows)


def build_model(layers, dropout):
    torch.manual_seed(2)
    model = models.VisionTransformer(
        image_size=SIZE, patch_size=16, num_layers=layers, num_heads=6, hidden_dim=384, mlp_dim=1536, dropout=dropout
    )
    nn.init.normal_(model.heads.head.weight, std=0.05)  # zero by default: all answers would be alike
    model.train().requires_grad_(False)
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            module.requires_grad_(True)
    return model


def adapt(model, optimizer, images, device):
    logits = model(images.to(device))
    entropy = -(logits.softmax(dim=1) * logits.log_softmax(dim=1)).sum(dim=1).mean()
    optimizer.zero_grad()
    entropy.backward()
    optimizer.step()
    return logits.detach().cpu()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=["cpu", "cuda"])
    parser.add_argument("--frames", type=int, default=5, help="how many steps")
    parser.add_argument("--batch", type=int, default=2, help="windows per step")
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--photo", help="an image, an .npy, or scikit-image's wheel")
    parser.add_argument("--out", help="write the logits of all steps to this .npz")
    parser.add_argument("--times", help="write the times in ms to this JSON file")
    options = parser.parse_args()

    photo = load_photo(options.photo)
    model = build_model(options.layers, options.dropout).to(options.device)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-2, momentum=0.9)
    load_ms = (time.perf_counter() - START) * 1e3

    logits, times = [], []
    for index in range(options.frames):
        images = batch(photo, index, options.batch)
        begin = time.perf_counter()
        result = adapt(model, optimizer, images, options.device)
        times.append((time.perf_counter() - begin) * 1e3)
        logits.append(result.numpy())
        surest = result.softmax(dim=1).max(dim=1)
        print(f"step {index}:", *(f"class {c}, p = {p:.6f};" for c, p in zip(surest.indices.tolist(), surest.values.tolist())))

    if options.out:
        numpy.savez(options.out, logits=numpy.stack(logits))
    if options.times:
        with open(options.times, "w") as file:
            json.dump({"import_load_ms": load_ms, "first_ms": times[0], "steady_ms": times[1:]}, file)


if __name__ == "__main__":
    main()
