# SPDX-License-Identifier: Apache-2.0
"""Finds the face in a photograph with two networks of MTCNN (facenet-pytorch, trained weights), at fixed sizes.

P-Net scans a small image and answers a heat map; the photograph is cut out around its peak, and O-Net judges the cut and places five
landmarks. Exits with 1 when the peak is not in the face, or O-Net is not sure.
"""

import time

START = time.perf_counter()

import argparse
import json
import sys

import numpy
import torch
from facenet_pytorch.models.mtcnn import ONet, PNet
from PIL import Image

from photo import load_photo

WINDOW = 400  # of the photograph, pixels
SCAN = 52  # P-Net sees the window at this size: a face of about 95 pixels becomes P-Net's cell of 12
CELL, STRIDE = 12, 2
CUT, ONET_SIZE = 112, 48
FACE = (181, 62, 268, 172)  # left, top, right, bottom in scikit-image's astronaut


def to_tensor(image, size):
    pixels = numpy.asarray(image.resize((size, size), Image.Resampling.BILINEAR), dtype=numpy.float32)
    return torch.from_numpy((pixels - 127.5) / 128).permute(2, 0, 1).unsqueeze(0).contiguous()


@torch.no_grad()
def scan(pnet, image, device):
    regression, probabilities = pnet(image.to(device))
    return probabilities[0, 1].cpu(), regression[0].cpu()


@torch.no_grad()
def judge(onet, image, device):
    _, landmarks, probabilities = onet(image.to(device))
    return probabilities[0, 1].item(), landmarks[0].cpu()


def peak_of(heat):
    """The middle of the hottest cell, in pixels of the window."""
    row, column = divmod(heat.argmax().item(), heat.shape[1])
    return tuple((STRIDE * cell + CELL / 2) * WINDOW / SCAN for cell in (column, row))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=["cpu", "cuda"])
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--photo", help="an image, an .npy, or scikit-image's wheel")
    parser.add_argument("--out", help="write heat maps, scores and landmarks of all frames to this .npz")
    parser.add_argument("--times", help="write the times in ms to this JSON file")
    options = parser.parse_args()

    photo = load_photo(options.photo)
    pnet, onet = PNet().eval().to(options.device), ONet().eval().to(options.device)
    load_ms = (time.perf_counter() - START) * 1e3

    heats, scores, marks, times, missed = [], [], [], [], 0
    for index in range(options.frames):
        left, top = 3 * index % (photo.width - WINDOW), 2 * index % 40
        window = photo.crop((left, top, left + WINDOW, top + WINDOW))
        begin = time.perf_counter()
        heat, _ = scan(pnet, to_tensor(window, SCAN), options.device)
        x, y = peak_of(heat)
        cut = window.crop((int(x - CUT / 2), int(y - CUT / 2), int(x + CUT / 2), int(y + CUT / 2)))
        score, landmarks = judge(onet, to_tensor(cut, ONET_SIZE), options.device)
        times.append((time.perf_counter() - begin) * 1e3)

        x, y = x + left, y + top
        found = FACE[0] <= x <= FACE[2] and FACE[1] <= y <= FACE[3] and score > 0.99
        missed += not found
        print(f"frame {index}: peak at ({x:.0f}, {y:.0f}), O-Net says {score:.5f}{'' if found else ': not the face'}")
        heats.append(heat.numpy())
        scores.append(score)
        marks.append(landmarks.numpy())

    if options.out:
        numpy.savez(options.out, heats=numpy.stack(heats), scores=numpy.array(scores), landmarks=numpy.stack(marks))
    if options.times:
        with open(options.times, "w") as file:
            json.dump({"import_load_ms": load_ms, "first_ms": times[0], "steady_ms": times[1:]}, file)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
