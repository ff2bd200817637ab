# SPDX-License-Identifier: Apache-2.0
"""The photograph that the image examples work on: scikit-image's astronaut, 512 x 512, read by path."""

import importlib.util
import io
import sys
import zipfile
from pathlib import Path

import numpy
from PIL import Image

INSIDE_WHEEL = "skimage/data/astronaut.png"


def default_photo():
    """The installed scikit-image's copy, or the first scikit-image wheel in a `wheels` folder beside this Python environment."""
    package = importlib.util.find_spec("skimage")
    if package and package.origin:
        return Path(package.origin).parent / "data" / "astronaut.png"
    wheels = sorted((Path(sys.prefix).parent / "wheels").glob("scikit_image-*.whl"))
    if wheels:
        return wheels[-1]
    sys.exit("no photograph found: pass --photo FILE (an image, an .npy, or scikit-image's .whl)")


def load_photo(path=None):
    """A PIL image in RGB from an image file, an array of shape (height, width, 3), or the photograph inside a wheel."""
    path = Path(path) if path else default_photo()
    if path.suffix == ".npy":
        return Image.fromarray(numpy.load(path))
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return Image.open(io.BytesIO(wheel.read(INSIDE_WHEEL))).convert("RGB")
    return Image.open(path).convert("RGB")
