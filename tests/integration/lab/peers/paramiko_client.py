# SPDX-License-Identifier: ISC
"""A client of paramiko: see ssh_clients.py."""

import sys
import threading

import paramiko

gate, user, key, host_key, agent, size, *ports = sys.argv[1:]
echo, digest, speaks, listens, other, _ = ports
data = bytes((i * 31 + i // 251) & 255 for i in range(int(size)))
transport = paramiko.Transport(("127.0.0.1", int(gate)))
transport.start_client(timeout=20)
assert transport.get_remote_server_key().fingerprint == host_key
transport.auth_publickey(
    user, paramiko.Ed25519Key.from_private_key_file(key))


def open_to(port):
    return transport.open_channel(
        "direct-tcpip", (agent + ".orthrus", int(port)), ("127.0.0.1", 1))


def read_all(channel):
    parts = []
    while part := channel.recv(65536):
        parts.append(part)
    return b"".join(parts)


def exchange(channel):
    def send():
        channel.sendall(data)
        channel.shutdown_write()
    threading.Thread(target=send).start()
    back = read_all(channel)
    channel.close()
    return back


print("echo", exchange(open_to(echo)) == data)
print("digest", exchange(open_to(digest)).decode())
print("speaks", len(read_all(open_to(speaks))))
channel = open_to(listens)
channel.sendall(data)
channel.close()
try:
    open_to(other)
except paramiko.ChannelException as e:
    print("refused", e)
transport.close()
