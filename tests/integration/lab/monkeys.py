# SPDX-License-Identifier: ISC
"""Those who do whatever comes to their mind, lawful and not.

Each is a thread with a random source of its own that goes through all of its
acts in ever new orders.  What an act meets is its own business: only the one
who watches them all says what must not be.
"""

import contextlib
import os
import random
import socket
import struct
import subprocess
import threading
import traceback

from lab import socks
from lab.charon_http import request
from lab.protobuf import number, text
from lab.raw_leash import Leash, frame, heartbeat, hello
from lab.raw_ssh import (CHANNEL_REQUEST, CLOSE, DATA, EOF, GLOBAL_REQUEST,
                         OPEN, SERVICE_REQUEST, USERAUTH_REQUEST,
                         WINDOW_ADJUST, Raw, message, new_key)
from lab.system import DIES_WITH_US
from lab.targets import echoes

# What an act may meet: the other side has every right to end it.
MET = (OSError, EOFError, AssertionError, struct.error, IndexError,
       ValueError, subprocess.SubprocessError)


def away(rng):
    """An address to come from that no honest one shares a network with."""
    return f"127.{rng.randrange(64, 128)}.{rng.randrange(256)}.1"


class Monkey(threading.Thread):
    """Goes on until over is set, and to the end of its first round at least."""

    def __init__(self, world, name, seed):
        super().__init__(name=name, daemon=True)
        self.world, self.rng = world, random.Random(f"{seed} {name}")
        self.done = {}			# by act: how often
        self.met = 0			# acts that were ended by others
        self.failure = None		# what is wrong with this file
        self.acts = [getattr(self, n) for n in sorted(dir(self))
                     if n.startswith("act_")]

    def run(self):
        first = True
        while first or not self.world.over.is_set():
            for act in self.rng.sample(self.acts, len(self.acts)):
                if self.world.over.is_set() and not first:
                    return
                self.one(act)
            first = False

    def one(self, act):
        name = act.__name__[4:]
        self.done[name] = self.done.get(name, 0) + 1
        try:
            with contextlib.ExitStack() as stack:
                act(stack)
        except MET:
            self.met += 1
        except Exception:
            self.failure = self.failure or traceback.format_exc()

    def pause(self, most):
        self.world.over.wait(self.rng.uniform(0, most))

    def noise(self, most=4096):
        return self.rng.randbytes(self.rng.randrange(1, most))


class Stranger(Monkey):
    """Comes to the door and never gets in."""

    def raw(self, stack, **how):
        raw = Raw(self.world.charon.port, source=away(self.rng), timeout=5,
                  **how)
        stack.callback(raw.close)
        return raw

    def act_says_nothing(self, stack):
        self.raw(stack, kex=False, banner=b"")
        self.pause(1)

    def act_noise(self, stack):
        raw = self.raw(stack, kex=False, banner=b"")
        raw.write(self.noise(65536))
        raw.ended(5)

    def act_endless_banner(self, stack):
        raw = self.raw(stack, kex=False, banner=b"")
        for _ in range(100):
            raw.write(b"x" * 1000 + b"\r\n")

    def act_noise_behind_the_banner(self, stack):
        raw = self.raw(stack, kex=False)
        raw.write(self.noise(40000))
        raw.ended(5)

    def act_half_an_offer(self, stack):
        raw = self.raw(stack, kex=False)
        packet = raw.pack(raw.kexinit())
        raw.write(packet[:self.rng.randrange(len(packet))])
        self.pause(1)

    def act_huge_packet(self, stack):
        raw = self.raw(stack, kex=False)
        raw.write(struct.pack(">I", self.rng.choice(
            (0, 1, 4, 35001, 2 ** 31, 2 ** 32 - 1))) + self.noise())
        raw.ended(5)

    def act_byte_by_byte(self, stack):
        raw = self.raw(stack, kex=False)
        for byte in raw.pack(raw.kexinit())[:200]:
            raw.write(bytes([byte]))

    def act_hangs_after_the_keys(self, stack):
        self.raw(stack)
        self.pause(1)

    def act_packets_of_any_kind(self, stack):
        raw = self.raw(stack)
        for _ in range(20):
            raw.send(self.rng.randbytes(self.rng.randrange(1, 300)))
        raw.ended(5)

    def act_channels_before_the_login(self, stack):
        raw = self.raw(stack)
        raw.send(message(OPEN, "session", 0, 2 ** 20, 32768),
                 message(GLOBAL_REQUEST, "tcpip-forward", True, "", 80))
        raw.ended(5)

    def act_wrong_keys(self, stack):
        raw = self.raw(stack)
        raw.service()
        for _ in range(10):
            raw.login_key(self.rng.choice(("good", "a0", "nobody")),
                          new_key())

    def act_wrong_password(self, stack):
        raw = self.raw(stack)
        raw.service()
        for _ in range(10):
            raw.login_password("enroll", "ch_orthrus_" + "A" * 96)

    def act_login_requests_of_any_kind(self, stack):
        raw = self.raw(stack)
        raw.send(message(SERVICE_REQUEST, "ssh-userauth"))
        for _ in range(40):
            raw.send(message(USERAUTH_REQUEST) + self.noise(200))
        raw.ended(5)

    def act_new_keys_for_ever(self, stack):
        raw = self.raw(stack)
        for _ in range(5):
            raw.kex()


class Insider(Monkey):
    """Is somebody, and misbehaves as that."""

    who = user = None

    def raw(self, stack):
        raw = Raw(self.world.charon.port, source=away(self.rng), timeout=5)
        stack.callback(raw.close)
        raw.service()
        who = self.world.insiders[self.who]
        assert raw.login_key(who.name, who.key, who.certificate)
        return raw

    def act_packets_of_the_mux(self, stack):
        """Of channels that are there, that were, and that never were."""
        raw = self.raw(stack)
        for _ in range(200):
            raw.send(bytes([self.rng.randrange(80, 101)]) +
                     struct.pack(">I", self.rng.randrange(4)) +
                     self.noise(100))
        raw.ended(5)

    def act_opens_of_any_kind(self, stack):
        raw = self.raw(stack)
        for _ in range(50):
            raw.send(message(OPEN, self.rng.choice(
                ("session", "direct-tcpip", "forwarded-tcpip", "x11",
                 "direct-streamlocal@openssh.com", "")),
                self.rng.randrange(2 ** 32), self.rng.randrange(2 ** 32),
                self.rng.randrange(2 ** 32)) + self.noise(60))
        self.pause(0.5)

    def act_requests_of_any_kind(self, stack):
        raw = self.raw(stack)
        channel = raw.session()
        for name in ("exec", "shell", "subsystem", "env", "pty-req", "x11"):
            raw.send(message(CHANNEL_REQUEST, channel, name, True) +
                     self.noise(200))
        self.pause(0.5)

    def act_ends_in_any_order(self, stack):
        raw = self.raw(stack)
        channel = raw.session()
        for _ in range(20):
            raw.send(message(self.rng.choice((EOF, CLOSE, WINDOW_ADJUST,
                                              DATA)), channel, 1))
        raw.ended(5)

    def act_asks_and_does_not_read(self, stack):
        raw = self.raw(stack)
        raw.send(*[message(GLOBAL_REQUEST, "x", True)] * 2000)
        self.pause(0.5)

    def act_cut_in_the_middle(self, stack):
        raw = self.raw(stack)
        packet = raw.pack(message(GLOBAL_REQUEST, "x" * 30000, True))
        raw.write(packet[:self.rng.randrange(len(packet))])


class BadClient(Insider):
    """May use the port of the good agent."""

    who = "mallory"

    def channel(self, raw, **how):
        raw.open("direct-tcpip", "good.orthrus",
                 self.world.target.port, "127.0.0.1", 0, **how)
        ok, number = raw.opened()
        assert ok, number
        return number

    def act_streams_that_nobody_reads(self, stack):
        raw = self.raw(stack)
        for number in [self.channel(raw, window=1000) for _ in range(20)]:
            raw.data(number, b"x" * 16000)
        self.pause(1)

    def act_more_than_the_window(self, stack):
        raw = self.raw(stack)
        number = self.channel(raw)
        raw.send(*[message(DATA, number, b"x" * 32000)] * 200)
        raw.ended(5)

    def act_leaves_in_a_stream(self, stack):
        raw = self.raw(stack)
        raw.data(self.channel(raw), self.noise(30000))

    def act_where_it_may_not(self, stack):
        raw = self.raw(stack)
        for host, port in (("a0.orthrus", 22), ("127.0.0.1", 22),
                           ("169.254.169.254", 80), ("x" * 300, 1),
                           ("good.orthrus", 0), ("\0", 70000)):
            raw.direct(host, port)


class BadAgent(Insider):
    """Has a leash."""

    who = "evil"

    def leash(self, stack):
        return Leash(self.raw(stack)).welcome("evil")

    def act_frames_of_any_kind(self, stack):
        leash = self.leash(stack)
        for _ in range(20):
            leash.say(frame(self.noise(300)))
        leash.raw.ended(5)

    def act_huge_frame(self, stack):
        leash = self.leash(stack)
        leash.say(struct.pack(">I", self.rng.choice(
            (65537, 2 ** 31, 2 ** 32 - 1))) + self.noise())
        leash.raw.ended(5)

    def act_frame_in_pieces(self, stack):
        leash = self.leash(stack)
        for byte in heartbeat() * 3:
            leash.say(bytes([byte]))
        self.pause(0.5)

    def act_is_somebody_else(self, stack):
        leash = Leash(self.raw(stack))
        leash.say(hello("good", [80]))
        leash.raw.ended(5)

    def act_many_hellos(self, stack):
        leash = self.leash(stack)
        for i in range(50):
            leash.say(hello("evil", range(1 + i, 40 + i)))
        self.pause(0.5)

    def act_many_heartbeats(self, stack):
        leash = self.leash(stack)
        leash.say(*[heartbeat()] * 2000)

    def act_wants_certificates(self, stack):
        leash = self.leash(stack)
        for _ in range(20):
            leash.say(frame(text(23, text(1, self.noise(40)) +
                                 number(2, 7))))
        self.pause(0.5)

    def act_listens_everywhere(self, stack):
        raw = self.raw(stack)
        for port in (0, 1, 80, 65535, 65536):
            raw.request("tcpip-forward", "", port)
        raw.request("streamlocal-forward@openssh.com", "/../x")

    def act_offers_and_is_silent(self, stack):
        raw = self.raw(stack)
        raw.request("tcpip-forward", "", 80)
        self.world.through_client(stack, "evil", 80, 2)


class Consumer(Monkey):
    """Uses what the gateway and an agent's client have at hand."""

    def unix(self, stack, path):
        s = stack.enter_context(socket.socket(socket.AF_UNIX))
        s.settimeout(5)
        s.connect(path)
        return s

    def api(self, stack):
        return self.unix(stack, self.world.http)

    def docker(self, stack):
        return self.unix(stack, self.world.charon.socket(
            self.rng.choice(self.world.names)))

    def ask(self, s, *requests):
        s.sendall(b"".join(requests))
        return s.recv(65536)

    def act_api(self, stack):
        s = self.api(stack)
        for target in ("/healthz", "/metrics", "/api/v1/agents",
                       "/api/v1/agents/good", "/api/v1/agents/none", "/"):
            self.ask(s, request(target, self.rng.choice(("GET", "HEAD"))))

    def act_api_all_at_once(self, stack):
        self.ask(self.api(stack), *[request("/api/v1/agents")] * 50)

    def act_api_leaves(self, stack):
        self.api(stack).sendall(request("/metrics"))

    def act_api_noise(self, stack):
        self.ask(self.api(stack), self.noise(20000))

    def act_api_half_a_head(self, stack):
        self.api(stack).sendall(b"GET / HTTP/1.1\r\nHost: loc")
        self.pause(1)

    def act_api_huge_head(self, stack):
        self.ask(self.api(stack), request("/", headers=[
            "X: " + "y" * 1000] * self.rng.randrange(1, 40)))

    def act_api_body(self, stack):
        self.ask(self.api(stack), request(
            "/api/v1/agents", "POST", ["Content-Length: 100000"],
            self.noise()))

    def act_api_docker(self, stack):
        name = self.rng.choice(self.world.names)
        s = self.api(stack)
        for rest in ("/version", "/containers/json?all=1", "/secrets",
                     "/containers/x/logs?follow=1&stdout=1", "/../x"):
            self.ask(s, request(f"/api/v1/agents/{name}/docker{rest}"))

    def act_docker(self, stack):
        s = self.docker(stack)
        for target in ("/_ping", "/info", "/v1.41/containers/json"):
            self.ask(s, request(target, headers=["Host: docker"]))

    def act_docker_forbidden(self, stack):
        s = self.docker(stack)
        for method, target in (("POST", "/containers/create"),
                               ("DELETE", "/containers/x"),
                               ("POST", "/containers/x/start")):
            self.ask(s, request(target, method, ["Host: docker"]))

    def act_docker_noise(self, stack):
        self.ask(self.docker(stack), self.noise(20000))

    def act_docker_leaves(self, stack):
        s = self.docker(stack)
        s.sendall(request("/events", headers=["Host: docker"]))
        self.pause(0.5)

    def act_port(self, stack):
        path = self.world.charon.socket("good", self.world.target.port)
        echoes(self.unix(stack, path), self.noise(60000))

    def act_port_reset(self, stack):
        path = self.world.charon.socket("good", self.world.target.port)
        self.unix(stack, path).sendall(self.noise(60000))

    def act_socks(self, stack):
        name = self.rng.choice(self.world.names)
        self.world.through_client(stack, name, self.world.target.port, 5)

    def act_socks_noise(self, stack):
        s = stack.enter_context(self.world.dial_client())
        self.ask(s, self.noise(2000))

    def act_socks_slow(self, stack):
        s = stack.enter_context(self.world.dial_client())
        for byte in socks.greeting(0, 2) + socks.request("a0.orthrus", 80):
            s.sendall(bytes([byte]))
        self.pause(0.5)

    def act_ssh(self, stack):
        """OpenSSH's client, which sometimes is killed."""
        name = self.rng.choice(self.world.names)
        ssh = subprocess.Popen(
            DIES_WITH_US + ["ssh", "-F", self.world.ssh, "-W",
                            f"{name}.orthrus:{self.world.target.port}", "gw"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        stack.callback(ssh.wait)
        stack.callback(ssh.kill)
        stack.callback(ssh.stdout.close)
        stack.callback(ssh.stdin.close)
        ssh.stdin.write(b"hello")
        ssh.stdin.flush()
        if self.rng.random() < 0.5:
            os.read(ssh.stdout.fileno(), 5)
        self.pause(0.3)
