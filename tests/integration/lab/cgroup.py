# SPDX-License-Identifier: ISC
"""A control group with a limit of memory, in version 1 or 2 of cgroups(7)."""

import contextlib
import os
import time

import pytest

V1, V2 = "/sys/fs/cgroup/memory", "/sys/fs/cgroup"


class MemoryGroup:
    """Skips the test where none can be made."""

    def __init__(self, limit):
        v2 = os.path.exists(f"{V2}/cgroup.controllers")
        self.path = os.path.join(V2 if v2 else V1,
                                 f"orthrus-{os.getpid()}-{id(self):x}")
        try:
            os.mkdir(self.path)
        except OSError as e:
            pytest.skip(f"no control group can be made here: {e}")
        self.used_file = self.file(
            "memory.current" if v2 else "memory.usage_in_bytes")
        try:
            self.write("memory.max" if v2 else "memory.limit_in_bytes", limit)
            with contextlib.suppress(OSError):
                self.write("memory.swap.max" if v2 else
                           "memory.memsw.limit_in_bytes", 0 if v2 else limit)
        except OSError as e:
            self.close()
            pytest.skip(f"no control group of memory can be made here: {e}")

    def file(self, name):
        return os.path.join(self.path, name)

    def write(self, name, value):
        with open(self.file(name), "w") as f:
            f.write(str(value))

    def add(self, pid):
        """The process, and those that it has started."""
        self.write("cgroup.procs", pid)
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            for child in f.read().split():
                self.add(int(child))

    def used(self):
        with open(self.used_file) as f:
            return int(f.read())

    def close(self):
        """Those that are left in it go back to the group above."""
        for _ in range(50):
            with open(self.file("cgroup.procs")) as f:
                left = f.read().split()
            with contextlib.suppress(OSError):
                for pid in left:
                    with open(os.path.join(os.path.dirname(self.path),
                                           "cgroup.procs"), "w") as f:
                        f.write(pid)
                os.rmdir(self.path)
                return
            time.sleep(0.1)
