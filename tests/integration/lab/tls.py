# SPDX-License-Identifier: ISC
"""Stock programs that speak TLS in front of another server."""

import contextlib
import pathlib
import shutil
import signal
import socket
import subprocess

import pytest

from lab.system import (DIES_WITH_US, alive, children, free_port, send_signal,
                        until)


class Front:
    """Takes TLS at .address, and hands what is in it to a port here."""

    program = None

    def __init__(self, lab, to, pem, host="127.0.0.1", **more):
        if not shutil.which(self.program):
            pytest.skip(f"no {self.program}")
        self.lab, self.to, self.pem, self.host = lab, to, pem, host
        self.more, self.port = more, free_port()
        self.process = None
        lab.own(self)
        self.start()

    @property
    def url(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tls://{host}:{self.port}"

    def start(self):
        self.log_path = self.lab.path(f"{self.program}-{self.port}.log")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                DIES_WITH_US + self.command(), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True)
        until(f"{self.program} listens", 20, self._answers)

    def _answers(self):
        assert self.process.poll() is None, \
            pathlib.Path(self.log_path).read_text(errors="replace")
        with contextlib.suppress(OSError):
            socket.create_connection((self.host, self.port), 5).close()
            return True
        return False

    def close(self):
        """Ends it with all that it carries; start() brings it back."""
        if self.process is None:
            return
        pids = [self.process.pid, *children(self.process.pid)]
        send_signal(pids, signal.SIGKILL)
        self.process.wait()
        until("its processes are gone", 10,
              lambda: not any(alive(p) for p in pids), every=0.01)
        self.process = None


class Stunnel(Front):
    program = "stunnel4"

    def command(self):
        settings = {"accept": f"{self.host}:{self.port}",
                    "connect": f"127.0.0.1:{self.to}", "cert": self.pem,
                    "socket": "l:TCP_NODELAY=1", **self.more}
        return [self.program, self.lab.write(
            f"stunnel-{self.port}.conf",
            "foreground = yes\npid =\nsyslog = no\n[ssh]\n" + "".join(
                f"{k} = {v}\n" for k, v in settings.items()))]


class Socat(Front):
    program = "socat"

    def command(self):
        family = 6 if ":" in self.host else 4
        host = f"[{self.host}]" if family == 6 else self.host
        return [self.program,
                f"OPENSSL-LISTEN:{self.port},pf=ip{family},bind={host},"
                f"reuseaddr,fork,verify=0,cert={self.pem},nodelay",
                f"TCP:127.0.0.1:{self.to},nodelay"]
