# SPDX-License-Identifier: ISC
"""A SOCKS5 client in raw bytes, so that every byte is the test's own."""

import ipaddress
import socket
import struct

SUCCEEDED, FAILURE, PROHIBITED, UNREACHABLE, REFUSED, UNSUPPORTED = \
    0, 1, 2, 4, 5, 7
CONNECT, BIND, ASSOCIATE = 1, 2, 3
NO_AUTH, USER_PASSWORD = 0, 2


def greeting(*methods):
    return bytes([5, len(methods), *methods])


def request(host, port, command=CONNECT):
    """The request; the host's form decides the address type."""
    try:
        address = ipaddress.ip_address(host)
        kind = 1 if address.version == 4 else 4
        packed = bytes([kind]) + address.packed
    except ValueError:
        name = host.encode()
        packed = bytes([3, len(name)]) + name
    return bytes([5, command, 0]) + packed + struct.pack("!H", port)


def credentials(user, password):
    user, password = user.encode(), password.encode()
    return (bytes([1, len(user)]) + user +
            bytes([len(password)]) + password)


def take(conn, size):
    data = b""
    while len(data) < size:
        part = conn.recv(size - len(data))
        if not part:
            raise EOFError(f"the proxy closed after {data!r}")
        data += part
    return data


def reply(conn):
    """Reads the reply to a request and returns its code."""
    version, code, zero, kind = take(conn, 4)
    assert (version, zero) == (5, 0)
    take(conn, {1: 4, 4: 16}[kind] + 2)
    return code


def ask(conn, host, port, command=CONNECT):
    """Greeting without authentication and one request: the reply's code."""
    conn.sendall(greeting(NO_AUTH))
    assert take(conn, 2) == bytes([5, NO_AUTH])
    conn.sendall(request(host, port, command))
    return reply(conn)


def open_through(lab, agent, host, port, timeout=30):
    """A connected stream through the agent's SOCKS5 server."""
    conn = lab.connect(agent.socks5, timeout)
    code = ask(conn, host, port)
    assert code == SUCCEEDED, f"SOCKS5 reply {code:#04x}"
    return conn


def closed(conn):
    """Reads up to the end; a reset is an end too."""
    try:
        while conn.recv(65536):
            pass
        return True
    except socket.timeout:
        return False
    except OSError:
        return True
