# SPDX-License-Identifier: Apache-2.0
"""The generator behind src/api/generate.py: descriptions in, C out. Python standard library only."""
