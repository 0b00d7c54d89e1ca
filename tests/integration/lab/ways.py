# SPDX-License-Identifier: ISC
"""The ways to a gateway: each transport, alone and behind each proxy."""

from lab import proxies
from lab.authority import Authority
from lab.charon import Charon
from lab.cutter import Cutter
from lab.system import free_port

TRANSPORTS = ["tcp", "tls", "wss"]
PROXIES = ["none", "http", "socks5", "socks5h"]


def bracketed(host):
    return f"[{host}]" if ":" in host else host


class Gateway:
    """A charon that takes SSH at one port, TLS and WebSocket at another."""

    def __init__(self, lab, hosts=("127.0.0.1",), **sections):
        self.lab, self.web_port, port = lab, free_port(), free_port()
        authority = Authority(lab)
        self.ca = authority.path
        pem = authority.issue("web.pem", "localhost", "127.0.0.1", "::1")

        def listen(port):
            return ", ".join(f"{bracketed(host)}:{port}" for host in hosts)

        self.charon = lab.own(Charon(
            lab, port=port, ssh={"listen": f"localhost:{port}"},
            tls={"listen": listen(self.web_port), "key": pem,
                 "certificate": pem}, **sections))

    def port(self, transport):
        return self.web_port if transport in ("tls", "wss") else \
            self.charon.port


class Way:
    """How an orthrus gets to the gateway."""

    def __init__(self, transport, proxy="none", host="127.0.0.1"):
        self.transport, self.proxy, self.host = transport, proxy, host

    def __str__(self):
        return f"{self.transport}-{self.proxy}-{self.host}"

    def server(self, port):
        scheme = "" if self.transport in ("tcp", "command") else \
            self.transport + "://"
        return f"{scheme}{bracketed(self.host)}:{port}"

    def options(self, gateway, urls):
        """urls: of the proxies, by kind."""
        options = []
        if self.transport in ("tls", "wss"):
            options += ["--tls-ca", gateway.ca]
        if self.transport == "command":
            family = "6:[%h]" if ":" in self.host else "4:%h"
            options += ["--proxy-command",
                        f"{proxies.needs('socat')} - TCP{family}:%p"]
        if self.proxy != "none":
            options += ["--proxy", urls[self.proxy]]
        return options


def every_way(hosts):
    """Each transport behind each proxy, and a command."""
    return [Way(transport, proxy, host) for host in hosts
            for transport, proxy in [
                *((t, p) for t in TRANSPORTS for p in PROXIES),
                ("command", "none")]]


def stock_proxies(lab):
    """Their URLs: tinyproxy and microsocks, with a login each."""
    http = lab.own(proxies.Tinyproxy(lab))
    socks = lab.own(proxies.Microsocks(lab, login=True))
    return {"http": http.url, "socks5h": socks.url,
            "socks5": socks.url.replace("socks5h://", "socks5://")}


def cut_way(lab, way, gateway):
    """A Cutter on the way: how an agent goes through it."""
    cutter = lab.own(Cutter(gateway.port(way.transport)))
    return cutter, way.server(cutter.port)
