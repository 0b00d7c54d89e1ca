# SPDX-License-Identifier: ISC
"""Proxies of others, each with its own port and folder, and servers that say
what a proxy should not."""

import base64
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import threading

import pytest

from lab.system import DIES_WITH_US, free_port, send_signal, until

USER, PASSWORD = "ann", "s%:@ e"
LOGIN = "ann:s%25%3A%40%20e@"		# the same in a URL
NCSA = "/usr/lib/squid/basic_ncsa_auth"


def needs(program):
    path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin")
    if path is None:
        pytest.skip(f"{program} is not installed (contrib/deps.sh check)")
    return path


class Proxy:
    """A proxy that is another program; .url is what --proxy takes."""

    def __init__(self, lab, program, scheme, host="127.0.0.1", login=False):
        self.lab, self.host, self.login = lab, host, login
        self.program, self.port = needs(program), free_port()
        self.folder = lab.path(f"{program}-{self.port}")
        os.mkdir(self.folder)
        self.log_path = os.path.join(self.folder, "log")
        name = f"[{host}]" if ":" in host else host
        self.url = f"{scheme}://{LOGIN if login else ''}{name}:{self.port}"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                DIES_WITH_US + self.argv(), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, cwd=self.folder,
                start_new_session=True)
        until(f"{program} listens", 30, self._listens)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        pathlib.Path(path).write_text(text)
        return path

    def _listens(self):
        assert self.process.poll() is None, f"ended:\n{self.log()}"
        with contextlib.suppress(OSError):
            socket.create_connection((self.host, self.port), 5).close()
            return True
        return False

    def log(self):
        return pathlib.Path(self.log_path).read_text(errors="replace")

    def close(self):
        send_signal([self.process.pid], 9)
        self.process.wait()


class Tinyproxy(Proxy):
    def __init__(self, lab, **more):
        super().__init__(lab, "tinyproxy", "http", **more)

    def argv(self):
        login = f'BasicAuth {USER} "plain"\n' if self.login else ""
        return [self.program, "-d", "-c", self.write(
            "conf", f"Port {self.port}\nListen {self.host}\nTimeout 60\n"
            f"Allow {self.host}\nDisableViaHeader Yes\n{login}")]


class Squid(Proxy):
    """ports: to which it connects, as its usual configuration limits them."""

    def __init__(self, lab, ports=None, **more):
        self.ports = ports
        super().__init__(lab, "squid", "http", **more)

    def argv(self):
        os.chmod(self.lab.dir, 0o711)
        shutil.chown(self.folder, "proxy")
        name = f"[{self.host}]" if ":" in self.host else self.host
        rules = ""
        if self.login:
            users = self.write("users", f"{USER}:" + subprocess.run(
                ["openssl", "passwd", "-apr1", PASSWORD], check=True,
                capture_output=True, text=True).stdout)
            os.chmod(users, 0o644)
            rules = (f"auth_param basic program {NCSA} {users}\n"
                     "auth_param basic children 1\n"
                     "acl known proxy_auth REQUIRED\n"
                     "http_access deny !known\n")
        if self.ports:
            rules += f"acl ssl port {self.ports}\nhttp_access deny !ssl\n"
        return [self.program, "-N", "-f", self.write(
            "conf", f"http_port {name}:{self.port}\n{rules}"
            "http_access allow all\ncache deny all\naccess_log none\n"
            "cache_log /dev/null\npid_filename none\ncache_mem 8 MB\n"
            f"coredump_dir {self.folder}\nvisible_hostname proxy.test\n"
            "pinger_enable off\nshutdown_lifetime 0 seconds\n")]


class Microsocks(Proxy):
    def __init__(self, lab, scheme="socks5h", **more):
        super().__init__(lab, "microsocks", scheme, **more)

    def argv(self):
        login = ["-u", USER, "-P", PASSWORD] if self.login else []
        return [self.program, "-i", self.host, "-p", str(self.port), *login]


class Dante(Proxy):
    """Its logins are those of the system, so that it has none here."""

    def __init__(self, lab, scheme="socks5h", **more):
        super().__init__(lab, "danted", scheme, **more)

    def argv(self):
        return [self.program, "-p", os.path.join(self.folder, "pid"), "-f",
                self.write("conf", f"""logoutput: stderr
internal: {self.host} port = {self.port}
external: {self.host}
clientmethod: none
socksmethod: none
user.privileged: root
user.unprivileged: nobody
client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}
socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}
""")]


class OpenSSH(Proxy):
    """ssh -D, by way of this sshd."""

    def __init__(self, lab, sshd):
        self.sshd = sshd
        super().__init__(lab, "ssh", "socks5h")

    def argv(self):
        return [self.program, "-N", "-F", "none", "-D",
                f"{self.host}:{self.port}", "-i", self.lab.identity,
                "-p", str(self.sshd.port), "-o", "StrictHostKeyChecking=no",
                "-o", "UserKnownHostsFile=/dev/null", "-o",
                "ExitOnForwardFailure=yes", "root@127.0.0.1"]


def bridge(to):
    """A handler that joins each connection with one to that address."""
    def handler(conn, target):
        with socket.create_connection(to) as there:
            threading.Thread(target=pump, args=(there, conn),
                             daemon=True).start()
            pump(conn, there)
    return handler


def pump(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def read_head(conn):
    head = b""
    while b"\r\n\r\n" not in head:
        part = conn.recv(4096)
        if not part:
            break
        head += part
    return head


def connects(to, answer):
    """
    A handler of CONNECT by hand: waits for SSH's first bytes and sends them in
    one packet with the answer, as no real proxy does each time.
    """
    def handler(conn, target):
        target.reports.put(read_head(conn).decode())
        with socket.create_connection(to) as there:
            banner = there.recv(4096)
            conn.sendall(answer + banner)
            threading.Thread(target=pump, args=(there, conn),
                             daemon=True).start()
            pump(conn, there)
    return handler


def answers(data, hang=False):
    """A handler that says data to whatever it is asked, and closes or not."""
    def handler(conn, target):
        conn.recv(4096)
        with contextlib.suppress(OSError):
            conn.sendall(data)
            while hang and conn.recv(4096):
                pass
    return handler


def basic(user, password):
    return base64.b64encode(f"{user}:{password}".encode()).decode()
