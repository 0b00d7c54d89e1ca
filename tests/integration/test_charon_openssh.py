# SPDX-License-Identifier: ISC
"""OpenSSH's ssh as a client, and as an agent, of a gateway."""

import hashlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from lab import openssh
from lab.charon import Charon
from lab.muzzle_engine import Engine
from lab.openssh import Ssh, Web, enrolled, run
from lab.system import fingerprint, free_port, keygen, until
from lab.targets import (answers_at_end, digest, echo, echoes, payload,
                         read_all, says)

pytestmark = pytest.mark.skipif(not openssh.available(),
                                reason="this build has no charon")

MB = 1 << 20


@pytest.fixture
def charon(lab):
    return lab.own(Charon(lab))


def with_agent(lab, charon, *targets, name="london", more=()):
    """An agent that exposes these, and a client that may reach them."""
    ports = [t.port for t in targets]
    options = [o for p in ports for o in ("--expose", p)]
    charon.agent(name, *options, *more, key=charon.add_agent(name))
    return charon.ssh_client("ann", ",".join(
        [f"{name}:{p}" for p in ports] or [f"{name}:*"]))


def curl(*args, data=None):
    done = subprocess.run(["curl", "-sS", "--max-time", "30", *map(str, args)],
                          capture_output=True, input=data, timeout=40)
    return done.returncode, done.stdout, done.stderr.decode()


def fetched(*args):
    code, out, err = curl(*args)
    assert code == 0, err
    return out


def both_ways(conn, size):
    """Sends while it receives what an echo gives back: the same?"""
    data = payload(1, size)
    sender = threading.Thread(target=conn.sendall, args=(data,))
    sender.start()
    got, left = hashlib.sha256(), size
    while left > 0 and (part := conn.recv(256 * 1024)):
        got.update(part)
        left -= len(part)
    sender.join(20)
    return left == 0 and got.hexdigest() == digest(data)


# --- ways to an agent's ports ------------------------------------------------

def test_local_forwards(lab, charon):
    """-L from a port and a socket, to the agent's name and its sockets."""
    web = lab.own(Web())
    config = with_agent(lab, charon, web)
    full = charon.socket("london", web.port)
    ports = [free_port() for _ in range(3)]
    unix = lab.path("web.sock")
    Ssh(lab, config, "-N",
        "-L", f"{ports[0]}:london.orthrus:{web.port}",
        "-L", f"{ports[1]}:/london/{web.port}.sock",
        "-L", f"{ports[2]}:{full}",
        "-L", f"{unix}:london.orthrus:{web.port}")
    for port in ports:
        page = fetched(f"http://127.0.0.1:{port}/3/70000")
        assert page == payload(3, 70000)
    assert fetched("--unix-socket", unix, "http://web/4/50") == payload(4, 50)
    # It is the same as on the gateway's own machine.
    assert fetched("--unix-socket", full, "http://web/4/9") == payload(4, 9)


def test_uploads(lab, charon):
    web = lab.own(Web())
    config = with_agent(lab, charon, web)
    port = free_port()
    Ssh(lab, config, "-N", "-L", f"{port}:london.orthrus:{web.port}")
    data = payload(8, 5 * MB)
    code, out, err = curl("-T", "-", "-H", f"Content-Length: {len(data)}",
                          "-H", "Expect:", "-H", "Transfer-Encoding:",
                          f"http://127.0.0.1:{port}/", data=data)
    assert (code, out.decode()) == (0, digest(data)), err


def test_docker(lab, charon):
    """The Docker socket, by its port's name and by its path."""
    engine = lab.own(Engine(lab.path("engine.sock")))
    charon.agent("london", f"--docker={engine.path}",
                 key=charon.add_agent("london"))
    config = charon.ssh_client("ann", "london:docker")
    unix, port = lab.path("d.sock"), free_port()
    Ssh(lab, config, "-N", "-L", f"{unix}:/london/docker.sock",
        "-L", f"{port}:london.orthrus:2375")
    for where in (["--unix-socket", unix, "http://docker"],
                  [f"http://127.0.0.1:{port}"]):
        *option, base = where
        assert b"stand-in" in fetched(*option, f"{base}/version")
        refused = fetched("-X", "POST", *option,
                          f"{base}/containers/create")
        assert b'"message"' in refused and b"stand-in" not in refused


def test_half_close(lab, charon):
    """The answer comes after our end of the stream, by -L and by -W."""
    data, tail = payload(5, 3 * MB), payload(6, 2 * MB)
    target = lab.serve(answers_at_end(tail))
    config = with_agent(lab, charon, target)
    wanted = digest(data).encode() + tail
    port = free_port()
    Ssh(lab, config, "-N", "-L", f"{port}:london.orthrus:{target.port}")
    conn = lab.connect(("127.0.0.1", port))
    conn.sendall(data)
    conn.shutdown(socket.SHUT_WR)
    assert read_all(conn) == wanted
    done = run(lab, "ssh", "-F", config, "-W",
               f"london.orthrus:{target.port}", "gate", data=data)
    assert (done.returncode, done.said) == (0, [])
    assert done.out == wanted


@pytest.mark.parametrize("cipher", ["chacha20-poly1305@openssh.com",
                                    "aes256-gcm@openssh.com",
                                    "aes128-gcm@openssh.com"])
def test_bulk_both_ways(lab, charon, cipher):
    if "gcm" in cipher and "gcm" not in charon.first_cipher:
        pytest.skip("this libssh accepts forged packets under AES-GCM")
    target = lab.serve(echo)
    config = with_agent(lab, charon, target)
    port = free_port()
    ssh = Ssh(lab, config, "-N", "-c", cipher, "-L",
              f"{port}:london.orthrus:{target.port}")
    assert both_ways(lab.connect(("127.0.0.1", port)), 20 * MB)
    log = ssh.log()
    for way in ("server->client", "client->server"):
        assert f"kex: {way} cipher: {cipher} " in log
    assert "resetting send seqnr" in log	# strict key exchange


@pytest.mark.parametrize("way", ["up", "down"])
def test_rekeying(lab, charon, way):
    """The client asks for new keys after every megabyte."""
    data = payload(7, 20 * MB)
    if way == "up":
        target, wanted = lab.serve(answers_at_end(b"")), digest(data).encode()
    else:
        target, wanted = lab.serve(says(data)), data
    config = with_agent(lab, charon, target)
    port = free_port()
    ssh = Ssh(lab, config, "-N", "-o", "RekeyLimit=1M", "-L",
              f"{port}:london.orthrus:{target.port}")
    conn = lab.connect(("127.0.0.1", port))
    if way == "up":
        conn.sendall(data)
    conn.shutdown(socket.SHUT_WR)
    assert digest(read_all(conn)) == digest(wanted)
    log = ssh.log()
    # Two windows may come while new keys are agreed on: fewer than 20.
    assert log.count("SSH2_MSG_NEWKEYS received") >= 4
    assert ssh.process.poll() is None


def test_rekeying_both_ways_with_others(lab, charon):
    """New keys while both ends send, and while channels come and go."""
    target = lab.serve(echo)
    config = with_agent(lab, charon, target)
    port = free_port()
    ssh = Ssh(lab, config, "-N", "-o", "RekeyLimit=1M", "-L",
              f"{port}:london.orthrus:{target.port}")
    bulk = lab.connect(("127.0.0.1", port))
    result = []
    thread = threading.Thread(
        target=lambda: result.append(both_ways(bulk, 15 * MB)))
    thread.start()
    opened = 0
    while thread.is_alive():
        with lab.connect(("127.0.0.1", port)) as conn:
            assert echoes(conn)
        opened += 1
    thread.join()
    assert result == [True] and opened >= 3
    assert ssh.log().count("SSH2_MSG_NEWKEYS received") >= 4


def test_many_at_once(lab, charon):
    target = lab.serve(echo)
    config = with_agent(lab, charon, target)
    port = free_port()
    Ssh(lab, config, "-N", "-L", f"{port}:london.orthrus:{target.port}")
    conns = [lab.connect(("127.0.0.1", port)) for _ in range(100)]
    pieces = [payload(i, 20000) for i in range(len(conns))]
    for conn, piece in zip(conns, pieces):
        conn.sendall(piece)
        conn.shutdown(socket.SHUT_WR)
    for conn, piece in zip(conns, pieces):
        assert read_all(conn) == piece


def test_dynamic(lab, charon):
    """-D with names that only the gateway knows."""
    web, other = lab.own(Web()), lab.own(Web())
    charon.agent("london", "--expose", web.port, "--expose", other.port,
                 key=charon.add_agent("london"))
    config = charon.ssh_client("ann", f"london:{web.port}")
    port = free_port()
    Ssh(lab, config, "-N", "-D", port)
    proxy = ["--socks5-hostname", f"127.0.0.1:{port}"]
    url = f"http://london.orthrus:{web.port}"
    assert fetched(*proxy, f"{url}/9/300000") == payload(9, 300000)
    for beyond in (f"http://london.orthrus:{other.port}/1/1",
                   f"http://127.0.0.1:{web.port}/1/1",
                   f"http://paris.orthrus:{web.port}/1/1"):
        code, out, err = curl(*proxy, beyond)
        assert (code, out) == (97, b""), err
    assert fetched(*proxy, f"{url}/9/30") == payload(9, 30)


def test_jump(lab, charon):
    """-J, and -W in a ProxyCommand, to an sshd at the agent."""
    sshd = lab.sshd()
    config = with_agent(lab, charon, sshd)
    inner = f"""Host *.orthrus
 Port {sshd.port}
 User root
 IdentityFile {lab.identity}
 IdentitiesOnly yes
 StrictHostKeyChecking no
 UserKnownHostsFile /dev/null
 BatchMode yes
"""
    outer = pathlib.Path(config).read_text().replace("Host *", "Host gate")
    jump = lab.write("jump", f"{inner}\n{outer}")
    command = lab.write("command", f"{inner} ProxyCommand ssh -F {config} "
                        "-W %h:%p gate\n")
    for argv in (["-F", jump, "-J", "gate"], ["-F", command]):
        done = run(lab, "ssh", *argv, "london.orthrus", "echo I am there",
                   level="ERROR")
        assert (done.returncode, done.out) == (0, b"I am there\n"), done.said


def test_stdio_only(lab, charon):
    target = lab.serve(says(payload(2, MB)))
    config = with_agent(lab, charon, target)
    done = run(lab, "ssh", "-F", config, "-W",
               f"london.orthrus:{target.port}", "gate")
    assert (done.returncode, done.said) == (0, [])
    assert done.out == payload(2, MB)


# --- as an agent -------------------------------------------------------------

def test_remote_forward(lab, charon):
    """A stock ssh as the agent, every spelling of its own name."""
    web = lab.own(Web())
    config = enrolled(lab, charon, "rome")
    ports = dict.fromkeys(["", "localhost:", "*:", "rome:", "rome.orthrus:"])
    options = []
    for spelling in ports:
        ports[spelling] = free_port()
        options += ["-R",
                    f"{spelling}{ports[spelling]}:127.0.0.1:{web.port}"]
    first, second = free_port(), free_port()
    full = charon.socket("rome", second)
    options += ["-R", f"/rome/{first}.sock:127.0.0.1:{web.port}",
                "-R", f"{full}:127.0.0.1:{web.port}"]
    agent = Ssh(lab, config, "-N", *options,
                says=f"remote forward success for: listen {full}")
    charon.wait_status("rome", "online")
    client = charon.ssh_client("ann", "rome:*")
    proxy = free_port()
    Ssh(lab, client, "-N", "-D", proxy)
    for port in [*ports.values(), first, second]:
        assert fetched("--socks5-hostname", f"127.0.0.1:{proxy}",
                       f"http://rome.orthrus:{port}/{port}/9000") == \
            payload(port, 9000)
        assert fetched("--unix-socket", charon.socket("rome", port),
                       f"http://rome/{port}/900") == payload(port, 900)
    # They are shown like those of an orthrus, and stay while charon does not.
    wanted = sorted([*ports.values(), first, second])
    until("its ports are listed", 5, lambda: sorted(
        p["port"] for p in charon.agents()["rome"]["ports"]) == wanted)
    charon.kill()
    charon.start()
    agent.stop()
    charon.wait_status("rome", "offline")
    code, out, err = curl("--unix-socket", charon.socket("rome", first), "-w",
                          "%{http_code}", "http://rome/1/1")
    assert (code, out[-3:]) == (0, b"502"), err


def test_registered_a_moment_ago(lab, charon):
    """An agent may come before the gateway has looked at its registry."""
    for name in ("rome", "paris", "oslo"):
        Ssh(lab, enrolled(lab, charon, name), "-N")
        charon.wait_status(name, "online", 2)
    assert "removed from this gateway" not in charon.log()


def test_remote_docker(lab, charon):
    """The gateway's Muzzle is there, when the agent has none."""
    engine = lab.own(Engine(lab.path("engine.sock")))
    config = enrolled(lab, charon, "rome")
    Ssh(lab, config, "-N", "-R", f"/rome/docker.sock:{engine.path}",
        says="remote forward success")
    unix = charon.socket("rome")
    assert b"stand-in" in fetched("--unix-socket", unix,
                                  "http://docker/version")
    refused = fetched("-X", "POST", "--unix-socket", unix,
                      "http://docker/containers/create")
    assert b'"message"' in refused and b"stand-in" not in refused


def test_remote_bulk(lab, charon):
    """20 MB each way through an agent and a client that are both ssh."""
    target = lab.serve(echo)
    config = enrolled(lab, charon, "rome")
    there, here = free_port(), free_port()
    Ssh(lab, config, "-N", "-R", f"{there}:127.0.0.1:{target.port}",
        "-o", "RekeyLimit=4M", says="remote forward success")
    Ssh(lab, charon.ssh_client("ann", f"rome:{there}"), "-N", "-L",
        f"{here}:rome.orthrus:{there}", "-o", "RekeyLimit=4M")
    assert both_ways(lab.connect(("127.0.0.1", here)), 20 * MB)


def test_remote_port_chosen(lab, charon):
    """-R 0: the gateway chooses, and says which."""
    target = lab.serve(echo)
    config = enrolled(lab, charon, "rome")
    agent = Ssh(lab, config, "-N", "-R", f"0:127.0.0.1:{target.port}",
                says="Allocated port ")
    port = int(agent.log().split("Allocated port ")[1].split()[0])
    assert echoes(lab.connect(charon.socket("rome", port)))


def test_control_master(lab, charon):
    """Many ssh over one session; forwards come and go."""
    target = lab.serve(echo)
    config = enrolled(lab, charon, "rome")
    there, here = free_port(), free_port()
    one, two = lab.path("cm1"), lab.path("cm2")
    agent = Ssh(lab, config, "-N", "-M", "-S", one)

    def control(path, *args):
        done = run(lab, "ssh", "-F", config, "-S", path, *args, "gate")
        assert done.returncode == 0, done.said
        return done

    spec = f"{there}:127.0.0.1:{target.port}"
    unix = charon.socket("rome", there)
    control(one, "-O", "forward", "-R", spec)
    until("the port is offered", 10, lambda: os.path.exists(unix))
    Ssh(lab, charon.ssh_client("ann", f"rome:{there}"), "-N", "-M", "-S", two)
    assert "Master running" in control(two, "-O", "check").said[0]
    control(two, "-O", "forward", "-L", f"{here}:rome.orthrus:{there}")
    assert echoes(lab.connect(("127.0.0.1", here)))
    for i in range(5):
        done = run(lab, "ssh", "-F", config, "-S", two, "-W",
                   f"rome.orthrus:{there}", "gate", data=payload(i, 50000))
        assert (done.returncode, done.out) == (0, payload(i, 50000))
    done = run(lab, "ssh", "-F", config, "-S", two, "gate", "ls")
    assert done.returncode == 1
    assert "charon: no shell or commands here; use ssh -N with -L, -D, -W " \
        "or -R" in done.said
    # The session of the others goes on.
    assert echoes(lab.connect(("127.0.0.1", here)))
    control(one, "-O", "cancel", "-R", spec)
    until("the port is gone", 10, lambda: not os.path.exists(unix))
    control(one, "-O", "exit")
    agent.wait()
    charon.wait_status("rome", "offline")
    assert charon.log().count("client ann logged in") == 1


# --- keys, algorithms, exit codes --------------------------------------------

def test_compression_is_none(lab, charon):
    target = lab.serve(echo)
    config = with_agent(lab, charon, target)
    port = free_port()
    ssh = Ssh(lab, config, "-N", "-o", "Compression=yes", "-L",
              f"{port}:london.orthrus:{target.port}")
    assert echoes(lab.connect(("127.0.0.1", port)), bytes(300000))
    assert ssh.log().count("compression: none") == 2


def test_old_algorithms(lab, charon):
    """Neither side has to fear being talked into them."""
    config = charon.ssh_client("ann", "london:*")
    for option, what in (
            ("Ciphers=aes256-ctr",
             f"cipher found. Their offer: {charon.first_cipher}"),
            ("KexAlgorithms=diffie-hellman-group14-sha256",
             "key exchange method found. Their offer: "),
            ("HostKeyAlgorithms=rsa-sha2-512",
             "host key type found. Their offer: ssh-ed25519")):
        done = run(lab, "ssh", "-F", config, "-o", option, "-N", "gate")
        assert done.returncode == 255
        assert f"no matching {what}" in " ".join(done.said)
    assert "logged in" not in charon.log()


def test_wrong_host_key(lab, charon):
    config = charon.ssh_client("ann", "london:*")
    known = lab.path("known")

    def remember(pub):
        kind, key = pathlib.Path(pub).read_text().split()[:2]
        lab.write("known", f"[127.0.0.1]:{charon.port} {kind} {key}\n")
    remember(lab.host_key + ".pub")
    strict = ["-F", config, "-o", f"UserKnownHostsFile={known}",
              "-o", "StrictHostKeyChecking=yes"]
    done = run(lab, "ssh", *strict, "-N", "gate")
    assert done.returncode == 255
    text = "\n".join(done.said)
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in text
    assert "Host key verification failed." in text
    assert "logged in" not in charon.log()
    key, = pathlib.Path(charon.state).glob("*host*.pub")
    assert fingerprint(key) in text
    remember(key)
    Ssh(lab, config, *strict[2:], "-N")


def test_keyscan(lab, charon):
    """Whatever kind is asked for: one key, and it is the gateway's."""
    key, = pathlib.Path(charon.state).glob("*host*.pub")
    wanted = [f"[127.0.0.1]:{charon.port}",
              *key.read_text().split()[:2]]
    for kinds in (["-t", "rsa,ecdsa,ed25519"], []):
        assert openssh.keyscan(charon.port, *kinds).split() == wanted
    assert openssh.keyscan(charon.port, "-c") == ""


def test_keys_of_an_agent(lab, charon):
    """Three keys may be tried: the fourth is one too many, and it says so."""
    config = charon.ssh_client("ann", "london:*")
    right = lab.path("key-ann")
    wrong = [keygen(pathlib.Path(lab.path(f"wrong{i}"))) for i in range(3)]
    lab.write("plain", "".join(
        line for line in open(config)
        if "Identit" not in line and "BatchMode" not in line))
    plain = ["-F", lab.path("plain"), "-o", "BatchMode=yes"]
    few = openssh.KeyAgent(lab, *wrong[:2], right)
    Ssh(lab, *plain[1:], "-N", env=few.env)
    many = openssh.KeyAgent(lab, *wrong, right)
    done = run(lab, "ssh", *plain, "-N", "gate", env=many.env)
    assert done.returncode == 255
    assert "Too many authentication failures" in done.said[0]
    # As with every server: name the one that is meant.
    Ssh(lab, plain[1], "-i", right + ".pub", "-o", "IdentitiesOnly=yes", "-N",
        env=many.env)
    done = run(lab, "ssh", *plain, "-i", wrong[0], "-o", "IdentitiesOnly=yes",
               "-N", "gate")
    assert done.returncode == 255
    assert done.said == ["ann@127.0.0.1: Permission denied (publickey)."]


def test_passwords(lab, charon):
    """Only to enrol, three times, and then there is nothing else to do."""
    key = charon.add_agent("rome")
    config = lab.write("plain", f"""Host *
 HostName 127.0.0.1
 Port {charon.port}
 StrictHostKeyChecking no
 UserKnownHostsFile /dev/null
 NumberOfPasswordPrompts 9
""")

    def log_in(user, password):
        asked = lab.path("asked")
        script = lab.write("askpass", f"#!/bin/sh\necho >>{asked}\n"
                           f"echo '{password}'\n", 0o700)
        pathlib.Path(asked).write_text("")
        done = run(lab, "ssh", "-F", config, "-W", "rome.orthrus:80",
                   f"{user}@gate",
                   env={"SSH_ASKPASS": script, "DISPLAY": ":none",
                        "SSH_ASKPASS_REQUIRE": "force"})
        assert done.returncode == 255
        return "\n".join(done.said), os.path.getsize(asked)

    text, asked = log_in("enroll", "ch_orthrus_" + "x" * 96)
    assert "Too many authentication failures" in text
    assert asked <= 4		# it may ask again before it hears that
    text, asked = log_in("rome", key)
    assert text == "rome@127.0.0.1: Permission denied (publickey)."
    assert asked == 0
    text, asked = log_in("enroll", key)
    assert "administratively prohibited" in text and asked == 1
    assert key not in charon.log()


def test_ends(lab, charon):
    """What ssh's user sees when it is over, and the exit code."""
    target = lab.serve(echo)
    config = with_agent(lab, charon, target)
    removed = Ssh(lab, config, "-N")
    charon.run("client", "remove", "ann")
    assert removed.wait() == 255
    assert "removed from this gateway" in removed.log()
    done = run(lab, "ssh", "-F", config, "-N", "gate")
    assert (done.returncode, done.said) == \
        (255, ["ann@127.0.0.1: Permission denied (publickey)."])
    other = charon.ssh_client("bob", "london:*")
    quick = Ssh(lab, other, "-N")
    assert quick.stop() in (0, 255)
    stopped = Ssh(lab, other, "-N")
    assert charon.stop() == 0
    assert stopped.wait() == 255
    assert "this gateway has stopped" in stopped.log()
    done = run(lab, "ssh", "-F", other, "-N", "gate")
    assert done.returncode == 255
    assert "Connection refused" in done.said[0]


def test_keepalives(lab, charon):
    """Answered for as long as it lives, missed when it does not."""
    target = lab.serve(echo)
    config = with_agent(lab, charon, target)
    port = free_port()
    ssh = Ssh(lab, config, "-N", "-L",
              f"{port}:london.orthrus:{target.port}",
              "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2")
    time.sleep(3.5)
    assert echoes(lab.connect(("127.0.0.1", port)))
    os.kill(charon.pid, signal.SIGSTOP)
    try:
        assert ssh.wait(10) == 255
    finally:
        os.kill(charon.pid, signal.SIGCONT)
    assert "Timeout, server 127.0.0.1 not responding." in ssh.log()


@pytest.mark.skipif(shutil.which("dbclient") is None,
                    reason="dropbear's dbclient is missing")
def test_dropbear(lab, charon):
    """Another implementation of all of it."""
    target = lab.serve(answers_at_end(b" is what came"))
    with_agent(lab, charon, target)
    key = lab.path("dropbear")
    made = subprocess.run(["dropbearkey", "-t", "ed25519", "-f", key],
                          check=True, capture_output=True, text=True).stdout
    pub = next(p for p in made.splitlines() if p.startswith("ssh-ed25519 "))
    lab.write("dropbear.pub", pub + "\n")
    charon.add_client("db", f"london:{target.port}", key + ".pub")
    base = ["dbclient", "-y", "-y", "-p", charon.port, "-i", key]
    data = payload(1, 2 * MB)
    done = run(lab, *base, "-B", f"london.orthrus:{target.port}",
               "db@127.0.0.1", data=data)
    assert done.out.decode() == digest(data) + " is what came"
    done = run(lab, *base, "-B", "london.orthrus:22", "db@127.0.0.1")
    assert done.out == b""
    for argv in (["db@127.0.0.1", "ls"], ["-s", "db@127.0.0.1", "sftp"]):
        done = run(lab, *base, *argv)
        assert done.returncode == 1
        assert done.said[-1].startswith("charon: no s")
    port = free_port()
    process = subprocess.Popen(
        [*map(str, base), "-N", "-L", f"{port}:london.orthrus:{target.port}",
         "db@127.0.0.1"], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=lab.environment())

    def connected():
        try:
            return lab.connect(("127.0.0.1", port))
        except ConnectionRefusedError:
            return None
    try:
        conn = until("dbclient listens", 10, connected)
        conn.sendall(data)
        conn.shutdown(socket.SHUT_WR)
        assert read_all(conn).decode() == digest(data) + " is what came"
    finally:
        process.kill()
        process.wait()
