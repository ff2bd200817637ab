# SPDX-License-Identifier: Apache-2.0
"""Which files are generated, from what."""

from . import headers


def generate(api):
    """name -> text of every generated file."""
    files = {}
    for description in api.descriptions:
        if description.statements:
            name, text = headers.header(api, description)
            files[name] = text
    return files
