# SPDX-License-Identifier: Apache-2.0
"""A made-up INA3221 below a folder that stands for /sys: 5 V and 1 A on VDD_IN at first."""

import os


class FakeChip:
    def __init__(self, sys):
        self.folder = sys + "/class/hwmon/hwmon0"
        os.makedirs(self.folder)
        for name, text in (("name", "ina3221"), ("in1_label", "VDD_IN"), ("in1_input", "5000"), ("curr1_input", "1000")):
            self.put(name, text)

    def put(self, name, text):  # as a whole: a reader sees the old or the new value
        with open(self.folder + "/new", "w") as file:
            file.write(text + "\n")
        os.rename(self.folder + "/new", f"{self.folder}/{name}")
