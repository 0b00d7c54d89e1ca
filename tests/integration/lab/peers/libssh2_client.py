# SPDX-License-Identifier: ISC
"""A client of libssh2, by its Python binding: see ssh_clients.py."""

import base64
import hashlib
import socket
import sys

from ssh2 import session
from ssh2.exceptions import SSH2Error

gate, user, key, host_key, agent, size, *ports = sys.argv[1:]
echo, digest, speaks, listens, other, _ = ports
data = bytes((i * 31 + i // 251) & 255 for i in range(int(size)))
sock = socket.create_connection(("127.0.0.1", int(gate)))
ssh = session.Session()
ssh.handshake(sock)
found = hashlib.sha256(ssh.hostkey()[0]).digest()
assert "SHA256:" + base64.b64encode(found).decode().rstrip("=") == host_key
ssh.userauth_publickey_fromfile(user, key)


def open_to(port):
    return ssh.direct_tcpip(agent + ".orthrus", int(port))


def send(channel, piece):
    while piece:
        code, n = channel.write(piece)
        assert code >= 0, code
        piece = piece[n:]


def read_all(channel):
    parts = []
    while True:
        code, part = channel.read(65536)
        assert code >= 0, code
        if code == 0:
            return b"".join(parts)
        parts.append(part)


# In a piece: it cannot write and read at the same time.
channel = open_to(echo)
send(channel, data[:50000])
channel.send_eof()
print("echo", read_all(channel) == data[:50000])
channel.close()
channel = open_to(digest)
send(channel, data)
channel.send_eof()
print("digest", read_all(channel).decode())
channel.close()
print("speaks", len(read_all(open_to(speaks))))
channel = open_to(listens)
send(channel, data)
channel.close()
try:
    open_to(other)
except SSH2Error as e:
    print("refused", repr(e))
ssh.disconnect()
