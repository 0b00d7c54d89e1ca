# SPDX-License-Identifier: ISC
"""Proxies in front of the server: those that people run, over IPv4 and IPv6,
with a login and without, and each way in which one can fail."""

import os
import signal

import pytest

from lab import proxies, socks
from lab.charon import Charon
from lab.proxies import LOGIN, PASSWORD, USER
from lab.system import free_port, has_ipv6, until
from lab.targets import echo, echoes

UNAVAILABLE, CONFIG = 69, 78
V6 = pytest.param("::1", marks=pytest.mark.skipif(not has_ipv6(),
                                                  reason="needs IPv6"))


def through(lab, server, proxy, *options, **more):
    """An agent whose session goes through the proxy and carries a stream."""
    agent = lab.orthrus(server, "--proxy", proxy, *options, **more)
    target = lab.serve(echo)
    assert echoes(socks.open_through(lab, agent, *target.address))
    return agent


def make(lab, kind, host, login):
    return lab.own({
        "tinyproxy": proxies.Tinyproxy, "squid": proxies.Squid,
        "microsocks": proxies.Microsocks, "dante": proxies.Dante,
    }[kind](lab, host=host, login=login))


@pytest.mark.parametrize("host", ["127.0.0.1", V6])
@pytest.mark.parametrize("kind, login", [
    ("tinyproxy", False), ("squid", False), ("squid", True),
    ("microsocks", False), ("microsocks", True), ("dante", False)])
def test_proxies(lab, kind, login, host):
    if kind == "dante" and host == "::1":
        pytest.skip("dante does not listen on loopback's IPv6 address")
    sshd = lab.sshd()
    proxy, server = make(lab, kind, host, login), sshd
    if host == "::1":
        there = lab.serve(proxies.bridge(("127.0.0.1", sshd.port)), "tcp6")
        server = f"[::1]:{there.port}"
    through(lab, server, proxy.url, "--host-key", sshd.fingerprint)
    text = "".join(text for name, text in lab.logs() if "Orthrus" in name)
    assert PASSWORD not in text and LOGIN not in text


def test_ssh_and_our_own_socks5(lab):
    """Also one behind the other's server: a tunnel in a tunnel."""
    sshd = lab.sshd()
    proxy = lab.own(proxies.OpenSSH(lab, sshd))
    first = through(lab, sshd, proxy.url)
    second = through(lab, sshd, f"socks5://127.0.0.1:{first.socks5[1]}",
                     control=lab.path("second.sock"))
    assert second.status()["state"] == "connected"


def test_first_bytes_come_with_the_answer(lab):
    sshd = lab.sshd()
    for answer in (b"HTTP/1.1 200 Connection established\r\n\r\n",
                   b"HTTP/1.0 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
                   b"Content-Length: 1000\r\n\r\n"):
        proxy = lab.serve(proxies.connects(("127.0.0.1", sshd.port), answer))
        through(lab, sshd, f"http://{LOGIN}127.0.0.1:{proxy.port}",
                control=lab.path(f"{proxy.port}.sock"))
        asked = proxy.reports.get(timeout=10)
        assert asked == (
            f"CONNECT {sshd.address} HTTP/1.1\r\nHost: {sshd.address}\r\n"
            "Proxy-Authorization: Basic "
            f"{proxies.basic(USER, PASSWORD)}\r\n\r\n")


def test_names_are_the_proxys_to_resolve(lab):
    """Nothing here knows the name, which is asked for all the same."""
    sshd = lab.sshd()
    proxy = lab.serve(proxies.connects(
        ("127.0.0.1", sshd.port), b"HTTP/1.1 200 OK\r\n\r\n"))
    agent = through(lab, f"gw.invalid:{sshd.port}",
                    f"http://127.0.0.1:{proxy.port}", "--host-key",
                    sshd.fingerprint)
    assert "CONNECT gw.invalid:" in proxy.reports.get(timeout=10)
    assert agent.stop() == 0
    micro = lab.own(proxies.Microsocks(lab))
    for scheme, says in (
            ("socks5", "cannot connect: name not found"),
            ("socks5h", f"proxy: socks5h://127.0.0.1:{micro.port}: ")):
        done = lab.refused("gw.invalid", "--no-reconnect", "--proxy",
                           f"{scheme}://127.0.0.1:{micro.port}")
        assert done.returncode == UNAVAILABLE
        assert says in done.text
    # This one is resolved here, to two addresses, of which the second serves.
    through(lab, f"localhost:{sshd.port}",
            f"socks5://127.0.0.1:{micro.port}", "--host-key",
            sshd.fingerprint, control=lab.path("local.sock"))


@pytest.mark.parametrize("kind", ["squid", "microsocks"])
def test_logins_that_are_refused(lab, kind):
    sshd, proxy = lab.sshd(), make(lab, kind, "127.0.0.1", True)
    scheme = proxy.url.partition("://")[0]
    for login, says in (("", "it wants a user and a password"),
                        ("ann:hunter2@", 'it refuses the user "ann" or the '
                         "password")):
        url = f"{scheme}://{login}127.0.0.1:{proxy.port}"
        done = lab.refused(sshd, "--no-reconnect", "--proxy", url)
        assert done.returncode == UNAVAILABLE
        assert says in done.text and "hunter2" not in done.text
        assert f"proxy: {url.replace('hunter2', '***')}: " in done.text


def test_rules_that_forbid_it(lab):
    sshd, proxy = lab.sshd(), lab.own(proxies.Squid(lab, ports="443"))
    done = lab.refused(sshd, "--no-reconnect", "--proxy", proxy.url)
    assert done.returncode == UNAVAILABLE
    assert "its rules do not let us connect" in done.text


def test_servers_that_proxies_do_not_reach(lab):
    nobody = f"127.0.0.1:{free_port()}"
    for proxy, says in (
            (proxies.Tinyproxy(lab), "it cannot connect to the server (5"),
            (proxies.Squid(lab), "it cannot connect to the server (503 "),
            (proxies.Microsocks(lab), "the server refuses its connection")):
        lab.own(proxy)
        done = lab.refused(nobody, "--no-reconnect", "--proxy", proxy.url)
        assert done.returncode == UNAVAILABLE
        assert says in done.text, done.text


BAD = [
    ("http", b"", "without an answer; is it a SOCKS5 proxy"),
    ("http", b"HTTP/1.1 200 O", "closed the connection in the middle"),
    ("http", b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nhello",
     "it cannot connect to the server (502 Bad Gateway)"),
    ("http", b"HTTP/1.1 407 Wanted\r\nProxy-Authenticate: NTLM\r\n\r\n",
     "it wants a login by NTLM, and only Basic"),
    ("http", b"HTTP/1.1 404 Not Found\r\n\r\n<html>", "it is no proxy"),
    ("http", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100 * 1024 + b"\r\n\r\n",
     "a header of more than 16 KiB"),
    ("http", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 17000 + b"\r\n",
     "a header of more than 16 KiB"),
    ("http", b"SSH-2.0-OpenSSH_9.2p1\r\n", "something like SSH answers"),
    ("http", bytes(range(255, 0, -1)), "something else than HTTP answers"),
    ("http", b"\x15\x03\x01\0\x02\x02\x16", "TLS answers"),
    ("http", b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n",
     "SSH handshake failed"),
    ("socks5h", b"", "without an answer; is it an HTTP proxy"),
    ("socks5h", b"\x05", "closed the connection in the middle"),
    ("socks5h", b"\x05\xff", "it wants a user and a password"),
    ("socks5h", b"\x05\0\x05\x02\0\x01\0\0\0\0\0\0", "its rules do not"),
    ("socks5h", b"\0\x5a\0\0", "it speaks SOCKS4"),
    ("socks5h", b"HTTP/1.1 400 Bad Request\r\n\r\n", "write http://"),
    ("socks5h", b"SSH-2.0-OpenSSH_9.2p1\r\n", "something like SSH answers"),
    ("socks5h", b"\xff" * 1000, "something else than SOCKS5 answers"),
    ("socks5h", b"\x05\0\x05\0\0\x09" + b"x" * 1000,
     "an unknown kind of address"),
]


@pytest.mark.parametrize("scheme, data, says", BAD,
                         ids=lambda v: "" if isinstance(v, bytes) else v[:30])
def test_bad_answers(lab, scheme, data, says):
    bad = lab.serve(proxies.answers(data))
    done = lab.refused("gw.invalid", "--no-reconnect", "--proxy",
                       f"{scheme}://127.0.0.1:{bad.port}")
    assert done.returncode == UNAVAILABLE, done.text
    assert says in done.text, done.text


def test_no_proxy_there(lab):
    url = f"http://u:hunter2@127.0.0.1:{free_port()}"
    done = lab.refused("gw.invalid", "--no-reconnect", "--proxy", url)
    assert done.returncode == UNAVAILABLE
    assert f"proxy: cannot connect to {url.replace('hunter2', '***')}: " \
        "Connection refused" in done.text
    assert "hunter2" not in done.text


def test_proxies_that_hang(lab):
    """All at once, since each has its ten seconds."""
    agents = []
    for scheme, data in (("http", b""), ("http", b"HTTP/1.1 200 OK\r\n"),
                         ("socks5h", b""), ("socks5h", b"\x05\0")):
        slow = lab.serve(proxies.answers(data, hang=True))
        agents.append(lab.orthrus(
            "gw.invalid", "--proxy", f"{scheme}://127.0.0.1:{slow.port}",
            socks5="off", wait=0, control=lab.path(f"{slow.port}.sock")))
    for agent in agents:
        until("it has waited long enough", 30, lambda: "proxy: its answer "
              "did not come within 10 s" in agent.log())
    for agent in agents:
        assert agent.stop() == 0


# --- where the proxy comes from -------------------------------------------

def test_environment(lab):
    sshd = lab.sshd()
    proxy = lab.serve(proxies.connects(
        ("127.0.0.1", sshd.port), b"HTTP/1.1 200 OK\r\n\r\n"))
    env = {"ALL_PROXY": f"127.0.0.1:{proxy.port}", "NO_PROXY": "example.com",
           "HTTPS_PROXY": "http://127.0.0.1:1"}
    through(lab, f"gw.invalid:{sshd.port}", "env", "--host-key",
            sshd.fingerprint, env=env)
    assert proxy.accepted == 1
    env["NO_PROXY"] = "example.com, 127.0.0.0/8"
    through(lab, sshd, "env", env=env, control=lab.path("second.sock"))
    assert proxy.accepted == 1
    done = lab.refused(sshd, "--proxy", "env",
                       env={"https_proxy": "https://u:hunter2@p"})
    assert done.returncode == 64
    assert "environment https_proxy: a proxy that is spoken to in TLS" in \
        done.text and "hunter2" not in done.text


def test_password_file(lab):
    sshd, proxy = lab.sshd(), lab.own(proxies.Microsocks(lab, login=True))
    path = lab.write("proxy-password", PASSWORD + "\n")
    url = f"socks5h://{USER}@127.0.0.1:{proxy.port}"
    env = {"ORTHRUS_PROXY_PASSWORD_FILE": path}
    through(lab, sshd, url, env=env)
    for more, says in (
            ((), "there is no proxy with a user"),
            (("--proxy", "http://p"), "there is no proxy with a user"),
            (("--proxy", "http://u:hunter2@p"), "has a password as well")):
        done = lab.refused(sshd, *more, env=env)
        assert done.returncode == CONFIG
        assert "environment ORTHRUS_PROXY_PASSWORD_FILE: " in done.text
        assert says in done.text and "hunter2" not in done.text
    os.chmod(path, 0o644)
    done = lab.refused(sshd, "--proxy", url, env=env)
    assert done.returncode == CONFIG and "chmod 600" in done.text


def test_password_in_a_file_that_others_read(lab):
    path = lab.write("a.ini", "[server]\naddress = h\n"
                     "proxy = http://u:hunter2@p\n", 0o644)
    done = lab.run("check", "-c", path, "--identity", lab.identity)
    assert done.returncode == CONFIG
    assert f"{path}:3: proxy: it holds a password, and others" in done.text
    os.chmod(path, 0o600)
    done = lab.run("check", "-c", path, "--identity", lab.identity)
    assert done.returncode == 0
    assert f"server.proxy = http://u:***@p:1080  # {path}:3" in done.text
    assert "hunter2" not in done.text


@pytest.mark.parametrize("how", ["option", "equals", "environment"])
def test_ps_shows_no_password(lab, how):
    """A reload finds it all the same."""
    sshd, proxy = lab.sshd(), lab.own(proxies.Microsocks(lab, login=True))
    options = {"option": ["--proxy", proxy.url],
               "equals": ["--proxy=" + proxy.url], "environment": []}[how]
    env = {"ORTHRUS_PROXY": proxy.url} if how == "environment" else None
    agent = lab.orthrus(sshd, *options, env=env)
    for _ in range(2):
        for name in ("cmdline", "environ"):
            with open(f"/proc/{agent.pid}/{name}", "rb") as f:
                shown = f.read()
            assert b"s%25" not in shown
        told = agent.log().count("configuration reloaded")
        agent.signal(signal.SIGHUP)
        until("it has reloaded", 20, lambda: agent.log().count(
            "configuration reloaded") > told)
    sshd.kill_sessions()
    until("it is back", 20, lambda: agent.status()["reconnects"] == 1 and
          agent.state() == "connected")


def test_reload_changes_the_proxy(lab):
    sshd, proxy = lab.sshd(), lab.own(proxies.Microsocks(lab))
    path = lab.write("a.ini", "[server]\nproxy = none\n")
    agent = lab.orthrus(sshd, "-c", path)
    lab.write("a.ini", f"[server]\nproxy = {proxy.url}\n")
    agent.signal(signal.SIGHUP)
    until("it has reloaded", 20,
          lambda: "configuration reloaded" in agent.log())
    sshd.kill_sessions()
    until("it is back", 20, lambda: agent.status()["reconnects"] == 1 and
          agent.state() == "connected")
    proxy.close()
    until("it is away with the proxy", 20,
          lambda: "proxy: cannot connect to" in agent.log())


def test_charon_and_enrolment(lab):
    """Through a proxy an AUTH_KEY is taken, by either command."""
    charon = lab.own(Charon(lab))
    proxy = lab.own(proxies.Tinyproxy(lab))
    agent = charon.agent("far", "--proxy", proxy.url, key=charon.add_agent("far"))
    assert agent.status()["gateway"]
    done = lab.run("enroll", "--name", "near", "--server", charon.address,
                   "--proxy", proxy.url,
                   env={"AUTH_KEY": charon.add_agent("near")})
    assert done.returncode == 0, done.text
    proxy.close()
    done = lab.run("enroll", "--name", "none", "--server", charon.address,
                   "--proxy", proxy.url, "--identity", lab.path("other"),
                   env={"AUTH_KEY": charon.add_agent("none")})
    assert done.returncode == UNAVAILABLE
    assert "proxy: cannot connect to" in done.text


def test_nothing_is_left_behind(lab):
    """Many reconnects through proxies that let go and that do not answer."""
    rounds = int(os.environ.get("ORTHRUS_TEST_RECONNECTS", "20"))
    sshd, proxy = lab.sshd(), lab.own(proxies.Microsocks(lab))
    agent = through(lab, sshd, proxy.url, "--backoff-min", "1ms",
                    "--backoff-max", "20ms")
    before = agent.descriptors()
    for done in range(rounds):
        until("a session", 20, sshd.kill_sessions)
        until("it is back", 20, lambda: agent.status()["reconnects"] > done
              and agent.state() == "connected")
    until("descriptors are as before", 20,
          lambda: agent.descriptors() <= before)
