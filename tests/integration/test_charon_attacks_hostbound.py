# SPDX-License-Identifier: ISC
"""Logins that name the host, publickey-hostbound-v00@openssh.com: for us or
for nobody."""

import pytest

from lab.raw_ssh import (CERTIFICATE_TYPE, EXT_INFO, HOSTBOUND, KEY_TYPE,
                         USERAUTH_FAILURE, USERAUTH_PK_OK, USERAUTH_REQUEST,
                         Fields, Raw, blob, message, new_key, string)
from lab.scene import Scene


class Announced(Raw):
    """One that is told of extensions, RFC 8308."""

    KEX = b"curve25519-sha256,ext-info-c"

    def extensions(self):
        fields = Fields(self.expect(EXT_INFO))
        return {fields.string(): fields.string()
                for _ in range(fields.u32())}


@pytest.fixture
def scene(lab):
    return Scene(lab)


def announced(scene):
    """Whether charon's libssh serves the method, by its own word."""
    raw = scene.lab.own(Announced(scene.port))
    told = raw.extensions()
    raw.close()
    return told.get(b"publickey-hostbound@openssh.com") == b"0"


@pytest.fixture
def served(scene):
    if not announced(scene):
        pytest.skip("charon's libssh is older than 0.12 and has no "
                    + HOSTBOUND)
    return scene


def come(scene):
    raw = scene.connect()
    raw.service()
    return raw


def ask(raw, who, host_key, *more):
    """A request without a signature: may this key come?"""
    raw.send(message(USERAUTH_REQUEST, who.name, "ssh-connection", HOSTBOUND,
                     False, KEY_TYPE, blob(who.key), host_key) + b"".join(more))
    return raw.expect(USERAUTH_PK_OK, USERAUTH_FAILURE)[0] == USERAUTH_PK_OK


def login(raw, *what, **how):
    raw.send(raw.hostbound(*what, **how))
    return raw.answered()


def test_for_this_host(served):
    """With a key, a certificate, and when the key was asked for before."""
    friend, victim = served.client("friend", "good:*"), served.enrol("victim")
    raw = come(served)
    assert ask(raw, friend, raw.host_key)
    assert login(raw, friend.name, friend.key)
    assert raw.direct("good.orthrus", served.target.port)[0]
    assert login(come(served), victim.name, victim.key, kind=CERTIFICATE_TYPE,
                 key_blob=victim.certificate)


def test_where_it_is_not_served(scene):
    """It is a bad login like one of any unknown method, and no more."""
    if announced(scene):
        pytest.skip("charon's libssh serves it")
    friend = scene.client("friend", "good:*")
    with scene.attack(logged='turned away.*user "friend".*not served'):
        raw = come(scene)
        assert not ask(raw, friend, raw.host_key)
        assert not login(raw, friend.name, friend.key)
        assert raw.login_key(friend.name, friend.key)


def another(ours):
    return blob(new_key())


#: What stands in place of our host key.
HOST_KEYS = {
    "another": another,
    "none": lambda ours: b"",
    "type only": lambda ours: string(KEY_TYPE),
    "no key in it": lambda ours: string(KEY_TYPE) + string(b""),
    "cut short": lambda ours: ours[:-1],
    "one byte more": lambda ours: ours + b"\0",
    "twice": lambda ours: ours * 2,
    "one bit off": lambda ours: ours[:-1] + bytes([ours[-1] ^ 1]),
    "another type": lambda ours: string("ssh-rsa") + ours[4 + len(KEY_TYPE):],
    "the client's": None,
    "long": lambda ours: ours + bytes(30000),
}


@pytest.mark.parametrize("what", HOST_KEYS)
def test_for_another_host(scene, what):
    """Asked or signed, where the method is served and where it is not."""
    friend = scene.client("friend", "good:*")
    with scene.attack(logged='turned away.*user "friend".*not served'):
        raw = come(scene)
        change = HOST_KEYS[what] or (lambda ours: blob(friend.key))
        host_key = change(raw.host_key)
        assert not ask(raw, friend, host_key)
        assert not login(raw, friend.name, friend.key, host_key)
        assert raw.login_key(friend.name, friend.key)


def signed_for_another(raw, who):
    return raw.hostbound(who.name, who.key, signed=message(
        USERAUTH_REQUEST, who.name, "ssh-connection", HOSTBOUND, True,
        KEY_TYPE, blob(who.key), another(None)))


def signed_for_none(raw, who):
    return raw.hostbound(who.name, who.key, signed=message(
        USERAUTH_REQUEST, who.name, "ssh-connection", HOSTBOUND, True,
        KEY_TYPE, blob(who.key)))


def signed_without_a_host(raw, who):
    return raw.hostbound(who.name, who.key, signed=message(
        USERAUTH_REQUEST, who.name, "ssh-connection", "publickey", True,
        KEY_TYPE, blob(who.key)))


def said_without_a_host(raw, who):
    """A signature that names the host, with a request that does not."""
    plain = message(USERAUTH_REQUEST, who.name, "ssh-connection",
                    "publickey", True, KEY_TYPE, blob(who.key))
    request = raw.hostbound(who.name, who.key)
    return plain + request[-4 - len(string(KEY_TYPE)) - 68:]


def cut_before_the_host(raw, who):
    return message(USERAUTH_REQUEST, who.name, "ssh-connection", HOSTBOUND,
                   True, KEY_TYPE, blob(who.key))


def no_signature(raw, who):
    return cut_before_the_host(raw, who) + string(raw.host_key)


def host_longer_than_all(raw, who):
    return cut_before_the_host(raw, who) + b"\xff\xff\xff\xff" + \
        raw.host_key


@pytest.mark.parametrize("request_of", [
    signed_for_another, signed_for_none, signed_without_a_host,
    said_without_a_host, cut_before_the_host, no_signature,
    host_longer_than_all])
def test_bad_request(scene, request_of):
    friend = scene.client("friend", "good:*")
    with scene.attack(logged='turned away.*user "friend"'):
        raw = come(scene)
        raw.send(request_of(raw, friend))
        assert not raw.answered()
        assert raw.login_key(friend.name, friend.key)


@pytest.mark.parametrize("method", ["publickey", HOSTBOUND])
def test_something_behind_it(scene, method):
    """A request with more in it than is signed: RFC 4252 knows of none."""
    friend = scene.client("friend", "good:*")
    with scene.attack(logged='turned away.*user "friend".*not served'):
        raw = come(scene)
        whole = raw.hostbound(friend.name, friend.key) \
            if method == HOSTBOUND else raw.signed(friend.name, friend.key)
        for more in (b"\0", string("more")):
            raw.send(whole + more)
            assert not raw.answered()
        assert raw.login_key(friend.name, friend.key)


@pytest.mark.parametrize("method", ["none", "password"])
def test_something_behind_another(scene, method):
    auth_key = scene.charon.add_agent("victim")
    request = message(USERAUTH_REQUEST, "enroll", "ssh-connection", method)
    request += b"\0" + string(auth_key) if method == "password" else b""
    with scene.attack(logged='turned away.*user "enroll".*not served'):
        raw = come(scene)
        raw.send(request + b"\0")
        assert not raw.answered()
        assert raw.login_password("enroll", auth_key)


def test_as_enroll(scene):
    """Who brings an AUTH_KEY has no key to be asked for."""
    with scene.attack(logged='turned away.*user "enroll".*not served'):
        raw = come(scene)
        assert not login(raw, "enroll", new_key())
