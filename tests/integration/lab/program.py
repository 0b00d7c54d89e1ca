# SPDX-License-Identifier: ISC
"""What a test runs in a process of its own."""

import os
import subprocess
import sys

from lab.system import DIES_WITH_US


class Program:
    """One of lab's, which runs until its standard input ends."""

    def __init__(self, name, *args):
        path = os.path.join(os.path.dirname(__file__), name)
        self.process = subprocess.Popen(
            DIES_WITH_US + [sys.executable, path, *map(str, args)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def result(self):
        return self.process.communicate(timeout=30)[0]

    def close(self):
        self.process.kill()
        self.process.communicate()
