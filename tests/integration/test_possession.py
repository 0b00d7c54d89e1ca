# SPDX-License-Identifier: ISC
"""Whoever wants a key certified proves that it is his: enrolments and
renewals with another's key, another's proof, an old one or none."""

import pytest

from lab.possession import prove
from lab.raw_leash import Leash, asked, enrolled, renewal, request
from lab.raw_ssh import new_key, public
from lab.scene import Scene

SHORT = {"certificate_lifetime": "60s", "renew_before": "59s"}


@pytest.fixture
def scene(lab):
    return Scene(lab, agents=SHORT)


def enrolling(scene, auth_key):
    raw = scene.connect()
    raw.service()
    assert raw.login_password("enroll", auth_key)
    return Leash(raw, "enroll@orthrus")


def challenged(leash, name, key):
    """The gateway's challenge, which comes without a certificate."""
    leash.say(request(name, key))
    kind, fields = leash.hear()
    assert kind == 22 and 1 not in fields and len(fields[4]) == 32
    assert fields[3] == name.encode()
    return fields[4]


def answer(leash, name, key, proof):
    """The error that answers a request with this proof."""
    leash.say(request(name, key, proof))
    kind, fields = leash.hear()
    assert kind == 22 and 1 not in fields and 4 not in fields
    return fields[2].decode()


def wrong_proofs(key, other, challenge, host, name):
    """What does not show that key is ours, and is good in all other ways."""
    good = prove(key, challenge, host, name)
    return {
        "another key's": prove(other, challenge, host, name, public(key)),
        "another name": prove(key, challenge, host, "somebody"),
        "another gateway": prove(key, challenge, b"x" + host[1:], name),
        "another challenge": prove(key, bytes(32), host, name),
        "another half": prove(key, challenge, host, name, public(other)),
        "a bit": good[:20] + bytes([good[20] ^ 1]) + good[21:],
        "zeros": bytes(64),
        "a login's": key.sign(challenge + public(key)),
    }


WRONG = list(wrong_proofs(new_key(), new_key(), bytes(32), b"h" * 51, "n"))


@pytest.mark.parametrize("what", WRONG)
def test_wrong_proof(scene, what):
    """Refused, and the AUTH_KEY stays good."""
    auth_key, key = scene.charon.add_agent("victim"), new_key()
    with scene.attack(logged="refused an enrolment.*does not show"):
        leash = enrolling(scene, auth_key)
        challenge = challenged(leash, "victim", key)
        proof = wrong_proofs(key, new_key(), challenge, leash.raw.host_key,
                             "victim")[what]
        assert "does not show" in answer(leash, "victim", key, proof)
        leash.raw.close()
    assert scene.enrol_with("victim", auth_key)


def test_no_second_try(scene):
    """A challenge is good for one proof, and a session for one challenge."""
    auth_key, key = scene.charon.add_agent("victim"), new_key()
    with scene.attack(logged="refused an enrolment"):
        leash = enrolling(scene, auth_key)
        challenge = challenged(leash, "victim", key)
        good = prove(key, challenge, leash.raw.host_key, "victim")
        leash.say(request("victim", key, bytes(64)),
                  request("victim", key, good))
        kind, fields = leash.hear()
        assert kind == 22 and 1 not in fields
        leash.raw.close()

        leash = enrolling(scene, auth_key)
        challenged(leash, "victim", key)
        assert "with a proof was expected" in answer(leash, "victim", key,
                                                     b"")
        leash.raw.close()
    # Nor is it good in another session, or for who has none.
    for first in (True, False):
        leash = enrolling(scene, auth_key)
        if first:
            assert challenged(leash, "victim", key) != challenge
        assert "proof" in answer(leash, "victim", key, good)
        leash.raw.close()
    assert scene.enrol_with("victim", auth_key, key)


def test_key_of_another(scene):
    """Proven twice is in doubt: an agent's, and a client's own."""
    agent, client = scene.enrol("other"), scene.client("person", "good:*")
    for key in (agent.key, client.key):
        auth_key = scene.charon.add_agent("victim")
        with scene.attack(logged="refused an enrolment.*is another's"):
            fields = asked(enrolling(scene, auth_key), "victim", key)
            assert 1 not in fields and b"is another's" in fields[2]
        assert scene.enrol_with("victim", auth_key)
        scene.charon.run("agent", "remove", "victim")
    scene.charon.run("agent", "remove", "other")
    assert scene.enrol_with("next", scene.charon.add_agent("next"), agent.key)


def test_renewal(scene):
    """The same of a renewal; after all that the right one still works."""
    who, key, other = scene.enrol("other"), new_key(), new_key()
    raw = scene.login(who)
    leash = Leash(raw).welcome("other")

    def ask(key, proof=b""):
        leash.say(renewal(key, proof))
        kind, fields = leash.hear()
        assert kind == 13
        return fields

    for what in WRONG:
        challenge = ask(key)[3]
        proof = wrong_proofs(key, other, challenge, raw.host_key,
                             "other")[what]
        fields = ask(key, proof)
        assert 1 not in fields and 3 not in fields
        assert b"does not show" in fields[2], what
        # Used up, whether it was met or not.
        fields = ask(key, prove(key, challenge, raw.host_key, "other"))
        assert fields == {2: b"a proof without a challenge"}
    third = scene.enrol("third").key
    challenge = ask(third)[3]
    fields = ask(third, prove(third, challenge, raw.host_key, "other"))
    assert 1 not in fields and b"is another's" in fields[2]
    # An old challenge is replaced by the next.
    first, second = ask(key)[3], ask(key)[3]
    assert first != second
    assert b"does not show" in ask(
        key, prove(key, first, raw.host_key, "other"))[2]
    challenge = ask(key)[3]
    assert 1 in ask(key, prove(key, challenge, raw.host_key, "other"))


def test_enrolment_with_proof(scene):
    """What all of these do wrong, done right."""
    raw = scene.connect()
    raw.service()
    assert raw.login_password("enroll", scene.charon.add_agent("victim"))
    assert enrolled(raw, "victim", new_key())
