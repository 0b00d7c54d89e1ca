# SPDX-License-Identifier: ISC
"""Another agent than ours, made of stock ssh and what docs/leash.md says: it
enrols, holds the leash, offers a port and renews its certificate."""

import base64
import os
import subprocess
import time

import pytest

import lab.possession as possession
from lab.charon import CHARON, Charon
from lab.other_agent import (DRAIN, ERROR, HEARTBEAT, HELLO, RENEW, RENEWED,
                             WELCOME, Conversation, enrol, write_certificate)
from lab.protobuf import number, text
from lab.raw_ssh import load_key
from lab.system import keygen, until
from lab.targets import read_all, says

pytestmark = pytest.mark.skipif(not os.access(CHARON, os.X_OK),
                                reason="this build has no charon")


def test_another_agent(lab):
    charon = lab.own(Charon(lab, agents={
        "certificate_lifetime": "20s", "renew_before": "19s"}))
    key, web = lab.path("id"), lab.serve(says(b"from the other"))
    keygen(lab.path("id"))
    enrol(lab, charon, "other", key)
    talk = Conversation(
        lab, charon, "other", "leash@orthrus", "-i", key, "-R",
        f"other.orthrus:8123:127.0.0.1:{web.port}")
    talk.say(HELLO, text(1, "0.0") + text(2, "other") + text(3, "far away") +
             text(8, number(1, 8123) + text(2, "web")))
    welcome = talk.hear(WELCOME)
    assert (welcome[1], welcome[2], welcome[3]) == (5000, 10000, 19)
    talk.say(HEARTBEAT, number(1, int(time.time() * 1000)) +
             number(3, 1 << 20) + number(4, 1 << 30))
    charon.wait_status("other", "online")
    path = charon.socket("other", 8123)
    until("its port", 10, lambda: os.path.exists(path))
    until("its target", 10, lambda: read_all(lab.connect(path)) ==
          b"from the other")
    until("what it told", 10, lambda: charon.agents()["other"]["hostname"]
          == "far away")
    assert charon.agents()["other"]["memory"]["total"] == 1 << 30

    talk.say(99)
    assert talk.hear(ERROR) == {1: b"unknown message"}
    new = lab.path("new")
    keygen(lab.path("new"))
    public = base64.b64decode(open(new + ".pub").read().split()[1])
    talk.say(RENEW, text(1, public[-32:]))
    answer = talk.hear(RENEWED)
    assert 1 not in answer
    talk.say(RENEW, text(1, public[-32:]) + text(2, talk.proof(
        new, "other", answer[3])))
    write_certificate(new, talk.hear(RENEWED)[1])

    # A login with the new pair, which displaces: the old one is over.
    again = Conversation(lab, charon, "other", "leash@orthrus", "-i", new)
    again.say(HELLO, text(2, "other"))
    again.hear(WELCOME)
    assert talk.ssh.wait(10) != 0
    assert b"displaced by a newer session" in talk.ssh.stderr.read()
    old = Conversation(lab, charon, "other", "leash@orthrus", "-o",
                       f"CertificateFile={key}-cert.pub", "-i", key, "-o",
                       "BatchMode=yes")
    assert old.ssh.wait(10) == 255
    assert b"Permission denied" in old.ssh.stderr.read()
    assert again.ssh.poll() is None


def test_proof_by_ssh_keygen(lab):
    """It is a signature that stock tools make, too."""
    key = lab.path("id")
    keygen(lab.path("id"))
    challenge, signed = os.urandom(32), lab.path("message")
    blob = base64.b64decode(open(key + ".pub").read().split()[1])
    with open(signed, "wb") as f:
        f.write(possession.message(challenge, blob, "other", blob[-32:]))
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n",
                    "possession@orthrus", signed], check=True,
                   capture_output=True)
    armoured = open(signed + ".sig").read().split("-----")[2]
    assert base64.b64decode(armoured)[-64:] == possession.prove(
        load_key(key), challenge, blob, "other")


def test_renewal_too_early(lab):
    """As whoever's clock is days ahead asks for it."""
    charon = lab.own(Charon(lab))
    key = lab.path("id")
    keygen(lab.path("id"))
    enrol(lab, charon, "other", key)
    talk = Conversation(lab, charon, "other", "leash@orthrus", "-i", key)
    talk.say(HELLO, text(2, "other"))
    talk.hear(WELCOME)
    talk.say(RENEW, text(1, b"k" * 32))
    assert talk.hear(RENEWED) == {2: b"not yet due (is this clock ahead?)"}


def test_what_ends_it(lab):
    charon = lab.own(Charon(lab))
    key = lab.path("id")
    keygen(lab.path("id"))
    enrol(lab, charon, "other", key)
    for kind, body, why in (
            (HEARTBEAT, b"", b"no Hello came first"),
            (HELLO, text(2, "somebody"), b"Hello under another name"),
            (HELLO, text(2, "No Name"), b"the agent's name is no name"),
            (DRAIN, b"", b"no Hello came first")):
        talk = Conversation(lab, charon, "other", "leash@orthrus", "-i", key)
        talk.say(kind, body)
        assert talk.ssh.wait(10) != 0
        assert why in talk.ssh.stderr.read()
    talk = Conversation(lab, charon, "other", "leash@orthrus", "-i", key)
    talk.say(HELLO, text(2, "other"))
    talk.hear(WELCOME)
    talk.say(DRAIN)
    assert talk.ssh.wait(10) != 0
    assert b"not for gateways" in talk.ssh.stderr.read()
