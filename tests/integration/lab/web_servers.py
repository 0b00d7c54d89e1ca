# SPDX-License-Identifier: ISC
"""Web servers in front of charon, with the configurations of
docs/behind-a-web-server.md, in which only ports and paths are others."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from lab.system import DIES_WITH_US, children, free_port, send_signal, until

PAGE = pathlib.Path(__file__).parents[3] / "docs/behind-a-web-server.md"
IDLE = 10			# seconds, where the page has 60


def of_page(language, number):
    """The text of the page in this language, which is there so often."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(),
                       re.M | re.S)
    return found[number]


class WebServer:
    """One that runs in the foreground, in a folder of its own."""

    language, number, program = None, 0, None
    changes = {}			# more that is other in a test
    keeps = True			# sessions, when it reloads

    def __init__(self, lab, certificates, behind):
        if self.missing():
            pytest.skip(f"no {self.missing()}: contrib/deps.sh check")
        self.lab, self.certificates = lab, certificates
        self.behind, self.port = behind, free_port()
        self.folder = pathlib.Path(lab.path(f"web-{self.port}"))
        self.folder.mkdir(mode=0o755)
        self.file = self.folder / "config"
        self.file.write_text(self.whole(self.site()))
        self.log_path = self.folder / "log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                DIES_WITH_US + self.command(), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, cwd=self.folder,
                env=self.environment(), start_new_session=True)
        until(f"{self.program} listens", 20, self._listens)

    @classmethod
    def missing(cls):
        """What there ought to be for it, or None."""
        return None if shutil.which(cls.program, path="/usr/sbin:/usr/bin") \
            else cls.program

    def environment(self):
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": str(self.folder), "LC_ALL": "C"}

    def site(self):
        """The page's, with each change made that there is to make."""
        text = of_page(self.language, self.number)
        for old, new in self.changes.items():
            assert old in text, f"{old} is not on the page any more"
            text = text.replace(old, new.format(
                port=self.port, behind=self.behind, idle=IDLE,
                folder=self.folder, tls=self.certificates.folder))
        return text

    def _listens(self):
        assert self.process.poll() is None, self.log()
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def reload(self):
        """
        Until there are new processes; the old ones may stay.  Asks again, for
        HAProxy's first process is deaf for a moment after its start.
        """
        before = set(children(self.process.pid))
        asked = 0

        def reloaded():
            nonlocal asked
            if time.monotonic() > asked + 3:
                self.process.send_signal(self.reload_signal)
                asked = time.monotonic()
            return set(children(self.process.pid)) - before

        until("it has reloaded", 30, reloaded)
        until("it listens", 20, self._listens)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def close(self):
        pids = [self.process.pid, *children(self.process.pid)]
        send_signal(pids, signal.SIGKILL)
        self.process.wait()


class Nginx(WebServer):
    language, program = "nginx", "nginx"
    reload_signal = signal.SIGHUP
    modules = ""
    changes = {
        "listen 443 ssl": "listen 127.0.0.1:{port} ssl",
        "    listen [::]:443 ssl;\n": "",
        "127.0.0.1:2280": "127.0.0.1:{behind}", "60s": "{idle}s",
        "/etc/ssl/gw.example.com": "{tls}", "/var/www/html": "{folder}"}

    def whole(self, site):
        return (f"{self.modules}daemon off;\nuser root;\n"
                f"worker_processes 1;\npid {self.folder}/pid;\n"
                "error_log stderr;\nevents {}\n" + self.section(site))

    def section(self, site):
        temporary = "".join(
            f"{what}_temp_path {self.folder}/{what};\n" for what in
            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return f"http {{\naccess_log off;\n{temporary}{site}}}\n"

    def command(self):
        return ["nginx", "-p", self.folder, "-e", "stderr", "-c", self.file]


class NginxPassing(Nginx):
    number = 1
    module = "/usr/lib/nginx/modules/ngx_stream_module.so"
    modules = f"load_module {module};\n"
    changes = {
        "listen 443;": "listen 127.0.0.1:{port};",
        "        listen [::]:443;\n": "",
        "127.0.0.1:2443": "127.0.0.1:{behind}", "60s": "{idle}s"}

    @classmethod
    def missing(cls):
        return super().missing() or (
            None if os.path.exists(cls.module) else "libnginx-mod-stream")

    def section(self, site):
        return site


class Caddy(WebServer):
    language, program = "caddyfile", "caddy"
    keeps = False
    changes = {
        "gw.example.com {\n": "gw.example.com {{\n\tbind 127.0.0.1\n",
        "127.0.0.1:2280": "127.0.0.1:{behind}",
        "/etc/ssl/gw.example.com": "{tls}", "/var/www/html": "{folder}"}

    @property
    def admin(self):
        return f"unix/{self.folder}/admin"

    def whole(self, site):
        return (f"{{\nadmin {self.admin}\nauto_https disable_redirects\n"
                f"https_port {self.port}\nhttp_port {free_port()}\n"
                f"storage file_system {self.folder}/storage\n}}\n{site}")

    def command(self):
        return ["caddy", "run", "--adapter", "caddyfile", "--config",
                self.file]

    def reload(self):
        subprocess.run(["caddy", "reload", "--force", "--address",
                        self.admin, "--adapter", "caddyfile", "--config",
                        self.file], check=True, stdin=subprocess.DEVNULL,
                       capture_output=True, env=self.environment(),
                       timeout=60)


class Apache(WebServer):
    language, program = "apache", "apache2"
    reload_signal = signal.SIGUSR1
    changes = {
        "*:443": "127.0.0.1:{port}", "timeout=60": "timeout={idle}",
        "127.0.0.1:2280": "127.0.0.1:{behind}",
        "/etc/ssl/gw.example.com": "{tls}", "/var/www/html": "{folder}"}

    def whole(self, site):
        modules = "".join(
            f"LoadModule {name}_module /usr/lib/apache2/modules/"
            f"mod_{name}.so\n" for name in
            ("mpm_event", "authz_core", "ssl", "proxy", "proxy_http"))
        return (f"{modules}ServerRoot {self.folder}\nPidFile pid\n"
                f"ErrorLog {self.folder}/errors\nUser www-data\n"
                f"Group www-data\nStartServers 1\nDefaultRuntimeDir "
                f"{self.folder}\nServerName localhost\n"
                f"Listen 127.0.0.1:{self.port}\n{site}")

    def command(self):
        return ["apache2", "-f", self.file, "-DFOREGROUND"]


class Haproxy(WebServer):
    language, program = "haproxy", "haproxy"
    reload_signal = signal.SIGUSR2
    changes = {
        "bind :443": "bind 127.0.0.1:{port}", "60s": "{idle}s",
        "127.0.0.1:2280": "127.0.0.1:{behind}",
        "/etc/ssl/gw.example.com": "{tls}"}

    def whole(self, site):
        return f"global\n    maxconn 100\n\n{site}"

    def command(self):
        return ["haproxy", "-W", "-db", "-f", self.file]


class HaproxyPassing(Haproxy):
    number = 1
    changes = {
        "bind :443": "bind 127.0.0.1:{port}", "60s": "{idle}s",
        "127.0.0.1:2443": "127.0.0.1:{behind}"}


SERVERS = {"nginx": Nginx, "caddy": Caddy, "apache": Apache,
           "haproxy": Haproxy, "nginx-passing": NginxPassing,
           "haproxy-passing": HaproxyPassing}
