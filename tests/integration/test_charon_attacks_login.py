# SPDX-License-Identifier: ISC
"""Logins that must fail: AUTH_KEYs and certificates that are not good."""

import base64
import shutil

import pytest

from lab.charon import Charon
from lab.raw_leash import Leash, asked, enrolled
from lab.raw_ssh import CLOSE, EOF, Gone, message, new_key, string
from lab.scene import Identity, Scene, serial_of
from lab.system import keygen, until


@pytest.fixture
def scene(lab):
    return Scene(lab)


def refused(scene, name, key, certificate=None, signer=None):
    """A fresh connection that is turned away, and could try again."""
    raw = scene.connect()
    raw.service()
    assert not raw.login_key(name, key, certificate, signer)
    raw.close()


def let_in(scene, who):
    scene.login(who).close()


# --- AUTH_KEY -----------------------------------------------------------

def raw_key(auth_key):
    return bytearray(base64.urlsafe_b64decode(auth_key[11:]))


def as_text(raw):
    return "ch_orthrus_" + base64.urlsafe_b64encode(raw).decode()


def wrong_secret(key):
    raw = raw_key(key)
    raw[20] ^= 1
    return as_text(raw)


def unknown_id(key):
    raw = raw_key(key)
    raw[:8] = (2 ** 63 - 1).to_bytes(8, "big")
    return as_text(raw)


BAD_KEYS = {
    "wrong secret": (wrong_secret, "AUTH_KEY of victim is wrong"),
    "unknown id": (unknown_id, "no agent has this AUTH_KEY's id"),
    "id beyond all": (lambda k: as_text(b"\xff" * 8 + raw_key(k)[8:]), "id"),
    "truncated": (lambda k: k[:-1], "cut short"),
    "half": (lambda k: k[:50], "cut short"),
    "too long": (lambda k: k + "A", "too long"),
    "far too long": (lambda k: k + "A" * 30000, "too long"),
    "empty": (lambda k: "", "no AUTH_KEY"),
    "garbage": (lambda k: "ch_orthrus_" + "\x1b[2J\n%s%" * 12,
                "other characters"),
    "another prefix": (lambda k: "xx" + k[2:], "no AUTH_KEY"),
    "a NUL inside": (lambda k: k[:40] + "\0" + k[41:], "cut short"),
    "other digits": (lambda k: k[:30] + "/" + k[31:], "other characters"),
}


@pytest.mark.parametrize("how", BAD_KEYS)
def test_bad_auth_key(scene, how):
    change, why = BAD_KEYS[how]
    key = scene.charon.add_agent("victim")
    with scene.attack(logged=rf'refused a login as "enroll".*{why}'):
        raw = scene.connect()
        raw.service()
        for _ in range(2):
            assert not raw.login_password("enroll", change(key))
        raw.sock.close()
    assert key[12:] not in scene.charon.log()
    assert scene.enrol_with("victim", key)	# it is not used up


def test_three_auth_keys_and_out(scene):
    key = wrong_secret(scene.charon.add_agent("victim"))
    with scene.attack(logged="refused a login"):
        raw = scene.connect()
        raw.service()
        assert not raw.login_password("enroll", key)
        assert not raw.login_password("enroll", key)
        raw.send(b"\x32" + string("enroll") + string("ssh-connection") +
                 string("password") + b"\0" + string(key))
        assert "Too many" in raw.ended()


def test_used_auth_key(scene):
    """With another key never again; with the same one until it logs in."""
    auth_key = scene.charon.add_agent("victim")
    key = new_key()
    first = scene.enrol_with("victim", auth_key, key)
    with scene.attack(logged="refused an enrolment.*was used already"):
        raw = scene.connect()
        raw.service()
        assert raw.login_password("enroll", auth_key)
        fields = asked(Leash(raw, "enroll@orthrus"), "victim", new_key())
        assert 1 not in fields
        assert b"was used already" in fields[2]
        raw.close()
    again = scene.enrol_with("victim", auth_key, key)
    assert serial_of(again.certificate) == serial_of(first.certificate)
    let_in(scene, again)
    with scene.attack(logged="refused a login.*was used already"):
        raw = scene.connect()
        raw.service()
        assert not raw.login_password("enroll", auth_key)


def test_two_enrolments_at_once(scene):
    """Both have logged in before either asks: one gets a certificate."""
    auth_key = scene.charon.add_agent("victim")
    raws = [scene.connect() for _ in range(2)]
    for raw in raws:
        raw.service()
        assert raw.login_password("enroll", auth_key)
    with scene.attack(logged="refused an enrolment"):
        leashes = [Leash(raw, "enroll@orthrus") for raw in raws]
        heard = [asked(leash, "victim", new_key()) for leash in leashes]
        assert sorted(1 in fields for fields in heard) == [False, True]
        for leash in leashes:
            leash.raw.send(message(EOF, leash.number),
                           message(CLOSE, leash.number))
            assert "enrolment is over" in leash.raw.ended()


def test_rekeyed_auth_key(scene):
    old = scene.charon.add_agent("victim")
    new = scene.charon.run("agent", "rekey", "victim").stdout.strip()
    with scene.attack(logged="AUTH_KEY of victim is revoked"):
        raw = scene.connect()
        raw.service()
        assert not raw.login_password("enroll", old)
    assert scene.enrol_with("victim", new)


def test_rekeyed_between_login_and_request(scene):
    old = scene.charon.add_agent("victim")
    raw = scene.connect()
    raw.service()
    assert raw.login_password("enroll", old)
    with scene.attack(logged="(refused an enrolment|session ended)"):
        scene.charon.run("agent", "rekey", "victim")
        try:
            with pytest.raises(AssertionError, match="revoked"):
                enrolled(raw, "victim", new_key())
        except Gone as e:		# or its session was ended first
            assert "revoked" in str(e)


def test_auth_key_of_a_removed_agent(scene):
    key = scene.charon.add_agent("victim")
    scene.charon.run("agent", "remove", "victim")
    with scene.attack(logged="no agent has this AUTH_KEY's id"):
        raw = scene.connect()
        raw.service()
        assert not raw.login_password("enroll", key)


def test_auth_key_as_another_user(scene):
    """A password is for "enroll" only."""
    key = scene.charon.add_agent("victim")
    with scene.attack():
        for user in ("victim", "good", "root", "", "enroll\0", "Enroll"):
            raw = scene.connect()
            raw.service()
            assert not raw.login_password(user, key)
    assert scene.enrol_with("victim", key)


def test_enrolment_is_no_session(scene):
    """Who has logged in with an AUTH_KEY can enrol, and nothing else."""
    key = scene.charon.add_agent("victim")
    raw = scene.connect()
    raw.service()
    assert raw.login_password("enroll", key)
    with scene.attack(logged="enrolment: refused a channel"):
        for host, port in (("good.orthrus", scene.target.port),
                           ("127.0.0.1", 22)):
            ok, (reason, _) = raw.direct(host, port)
            assert not ok and reason == 1
        assert not raw.request("tcpip-forward", "", 80)
        number = raw.session()
        assert not raw.subsystem(number, "leash@orthrus")
    certificate = enrolled(raw, "victim", new_key())
    assert certificate


def test_another_gateways_auth_key(lab, scene):
    """The agent sends nothing of it to a gateway with another host key."""
    other = lab.own(Charon(lab, "other"))
    key = other.add_agent("victim")
    state = lab.path("state-victim")
    # It goes as soon as it sees the key: not even its name is known.
    with scene.attack(logged='turned away 127.0.0.1, user ""'):
        done = lab.run("connect", "--name", "victim", "--server",
                       scene.charon.address, "--no-reconnect", "--socks5",
                       "off", "--control", lab.path("v.sock"),
                       env={"STATE_DIRECTORY": state, "AUTH_KEY": key})
        assert done.returncode == 77, done.text
        assert "host key" in done.text and key[12:] not in done.text
    assert key[12:] not in scene.charon.log()


# --- certificates -------------------------------------------------------

def test_what_is_changed_below_is_all_that_is_wrong(scene):
    """The same certificate with nothing wrong is taken."""
    victim = scene.enrol("victim")
    certificate = scene.sign(victim)
    let_in(scene, Identity("victim", victim.key, certificate))


BAD_CERTIFICATES = {
    "expired": (["valid", "-2h:-1h"], "expired"),
    "not yet": (["valid", "+1h:+2h"], "not valid yet"),
    "another's name": (["name", "good"], "is not for victim"),
    "host": (["-h"], "not one of a user"),
    "unknown option": (["-O", "critical:new@example.com"], "critical option"),
    "force-command": (["-O", "force-command=true"], "critical option"),
    "source-address": (["-O", "source-address=127.0.0.1"],
                       "critical option"),
    "verify-required": (["-O", "verify-required"], "critical option"),
    "never issued": (["serial", 987654], "none of this gateway's"),
    "serial 0": (["serial", "0"], "none of this gateway's"),
}


@pytest.mark.parametrize("what", BAD_CERTIFICATES)
def test_bad_certificate(scene, what):
    options, why = BAD_CERTIFICATES[what]
    victim = scene.enrol("victim")
    if options[0] in ("valid", "name", "serial"):
        bad = scene.sign(victim, **{options[0]: options[1]})
    else:
        bad = scene.sign(victim, *options)
    with scene.attack(logged=rf'refused a login as "victim".*({why})'):
        refused(scene, "victim", victim.key, bad)
    let_in(scene, victim)


def test_certificate_of_another_ca(scene, lab):
    victim = scene.enrol("victim")
    ca = keygen(lab.path("evil"))
    bad = scene.sign(victim, ca=ca)
    with scene.attack(logged='refused a login as "victim".*'):
        refused(scene, "victim", victim.key, bad)
    let_in(scene, victim)


def test_certificate_of_the_previous_ca(scene, lab):
    """Accepted while it is listed, and not before or after."""
    victim = scene.enrol("victim")
    ca = keygen(lab.path("previous"))
    old = Identity("victim", victim.key, scene.sign(victim, ca=ca))
    refused(scene, "victim", victim.key, old.certificate)
    scene.charon.stop()
    shutil.copy(ca + ".pub", scene.charon.state + "/ca_previous.pub")
    scene.charon.start()
    let_in(scene, old)
    let_in(scene, victim)


def test_certificate_for_another_agent(scene):
    """Good as it is, and presented under another's name."""
    victim = scene.enrol("victim")
    with scene.attack(logged='refused a login as "good".*not for good'):
        refused(scene, "good", victim.key, victim.certificate)
    # A forged principal does not help: the serial is another's.
    bad = scene.sign(victim, name="good")
    with scene.attack(logged='refused a login as "good".*another'):
        refused(scene, "good", victim.key, bad)


def test_another_key_in_the_certificate(scene):
    """The serial is issued and the CA is right, the key is the thief's."""
    victim = scene.enrol("victim")
    thief = Identity("victim", new_key(), victim.certificate)
    bad = scene.sign(thief)
    with scene.attack(logged='refused a login as "victim".*another key'):
        refused(scene, "victim", thief.key, bad)


def test_signature_by_another_key(scene):
    """A certificate is public: without its key it is worth nothing."""
    victim = scene.enrol("victim")
    with scene.attack(logged='turned away.*user "victim".*damaged'):
        refused(scene, "victim", victim.key, victim.certificate,
                signer=new_key())
    with scene.attack(logged='turned away.*user "victim".*damaged'):
        raw = scene.connect()
        raw.service()
        request = bytearray(raw.signed(
            "victim", victim.key, "ssh-ed25519-cert-v01@openssh.com",
            victim.certificate))
        request[-1] ^= 1
        raw.send(bytes(request))
        assert not raw.answered()
    let_in(scene, victim)


def test_damaged_certificates(scene):
    victim = scene.enrol("victim")
    whole = victim.certificate
    with scene.attack(logged='(refused a login as|turned away).*"victim"'):
        for n in (0, 10, 36, 100, 150, len(whole) - 65, len(whole) - 1):
            refused(scene, "victim", victim.key, whole[:n])
        for at in range(40, len(whole), 37):
            bad = bytearray(whole)
            bad[at] ^= 0x80
            refused(scene, "victim", victim.key, bytes(bad))
        refused(scene, "victim", victim.key, whole + b"\0")
        refused(scene, "victim", victim.key, whole * 20)
    let_in(scene, victim)


def test_plain_key_of_an_agent(scene):
    """Agents come with certificates, clients with the key they have here."""
    victim = scene.enrol("victim")
    friend = scene.client("friend", "good:*")
    let_in(scene, friend)
    with scene.attack(logged='refused a login as "victim".*certificate'):
        refused(scene, "victim", victim.key)
    with scene.attack(logged='refused a login as "friend".*not this'):
        refused(scene, "friend", victim.key)
    with scene.attack(logged='refused a login as "friend"'):
        refused(scene, "friend", victim.key, victim.certificate)


def test_revoked_certificates(scene):
    """By a rekey, by the removal, and by a newer certificate in use."""
    victim = scene.enrol("victim")
    let_in(scene, victim)
    key = scene.charon.run("agent", "rekey", "victim").stdout.strip()
    with scene.attack(logged='refused a login as "victim".*revoked'):
        refused(scene, "victim", victim.key, victim.certificate)
    newer = scene.enrol_with("victim", key)
    let_in(scene, newer)
    refused(scene, "victim", victim.key, victim.certificate)
    scene.charon.run("agent", "remove", "victim")
    with scene.attack(logged='refused a login as "victim"'):
        refused(scene, "victim", newer.key, newer.certificate)
    # The name comes again, the old certificates do not.
    again = scene.enrol("victim")
    with scene.attack(logged='refused a login as "victim"'):
        refused(scene, "victim", newer.key, newer.certificate)
    let_in(scene, again)


USERS = {"empty": "", "root": "root", "longest": "a" * 63, "64": "a" * 64,
         "long": "a" * 30000, "path": "../good", "slash": "good/",
         "capital": "GOOD", "NUL": "good\0", "space": "good ",
         "control": "\x1b[2J", "format": "%s%n", "accent": "é"}


@pytest.mark.parametrize("what", USERS)
def test_strange_users(scene, what):
    user, victim = USERS[what], scene.enrol("victim")
    with scene.attack():
        raw = scene.connect()
        raw.service()
        assert not raw.login_key(user, victim.key, victim.certificate)
    assert "\x1b" not in scene.charon.log()


def test_allowed_something_else_while_connected(scene):
    """client allow changes what a session may open, within 1 s."""
    raw = scene.login(scene.client("c", "good:*"))

    def may():
        return raw.direct("good.orthrus", scene.target.port)[0]
    assert may()
    scene.charon.run("client", "allow", "c", "--allow", "good:docker")
    until("it may no longer", 1, lambda: not may())
    scene.charon.run("client", "allow", "c", "--allow",
                     f"good:{scene.target.port}")
    until("it may again", 1, may)
    assert "client c: session ended" not in scene.charon.log()


def test_ended_while_connected(scene):
    """rekey, agent remove and client remove end sessions within 1 s."""
    charon = scene.charon
    commands = {"a": ["agent", "rekey", "a"], "b": ["agent", "remove", "b"]}
    for name, command in commands.items():
        raw = scene.login(scene.enrol(name))
        with scene.attack(logged=f"agent {name}: session ended"):
            charon.run(*command)
            assert raw.ended(1)
    raw = scene.login(scene.client("c", "good:*"))
    assert raw.direct("good.orthrus", scene.target.port)[0]
    with scene.attack(logged="client c: session ended"):
        charon.run("client", "remove", "c")
        assert raw.ended(1)
    until("they are gone", 5, lambda: set(charon.agents()) == {"a", "good"})
