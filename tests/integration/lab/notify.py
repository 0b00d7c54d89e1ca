# SPDX-License-Identifier: ISC
"""systemd's side of sd_notify(3)."""

import contextlib
import socket


class Notify:
    """What systemd would be at the other end of NOTIFY_SOCKET."""

    def __init__(self, lab, abstract=False):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = lab.path("notify.sock")
        self.address = "@" + path if abstract else path
        self.socket.bind("\0" + path if abstract else path)
        self.socket.setblocking(False)
        self.lines = []
        lab.own(self)

    def read(self):
        """All lines that were sent so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.lines += self.socket.recv(4096).decode().splitlines()
        return self.lines

    def close(self):
        self.socket.close()
