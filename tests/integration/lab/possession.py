# SPDX-License-Identifier: ISC
"""The proof that a key to be certified is one's own, as docs/leash.md says."""

import base64
import hashlib

from lab.raw_ssh import public, string


def message(challenge, host_blob, name, key):
    """What is signed, before SSHSIG is around it; key is the 32 bytes."""
    digest = hashlib.sha256(host_blob).digest()
    return string(challenge) + string(b"SHA256:" + base64.b64encode(
        digest).rstrip(b"=")) + string(name.encode()) + string(key)


def prove(key, challenge, host_blob, name, other=None):
    """By key; other is the public half that is asked for, if not its own."""
    digest = hashlib.sha512(message(challenge, host_blob, name,
                                    other or public(key))).digest()
    return key.sign(b"SSHSIG" + string(b"possession@orthrus") + string(b"") +
                    string(b"sha512") + string(digest))
