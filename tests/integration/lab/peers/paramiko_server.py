# SPDX-License-Identifier: ISC
"""A server of paramiko that forwards TCP, in the usual copy-and-close shape.

paramiko_server.py HOST_KEY     prints the port that it listens at
"""

import contextlib
import socket
import sys
import threading

import paramiko


def copy(a, b):
    with contextlib.suppress(OSError, EOFError):
        while data := a.recv(32768):
            b.sendall(data)
    for end in (a, b):
        if isinstance(end, socket.socket):	# wakes the other thread
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        end.close()


def join(channel, sock):
    for pair in ((channel, sock), (sock, channel)):
        threading.Thread(target=copy, args=pair, daemon=True).start()


class Server(paramiko.ServerInterface):
    def __init__(self, transport):
        self.transport = transport
        self.targets = {}
        self.listeners = {}

    def get_allowed_auths(self, username):
        return "publickey"

    def check_auth_publickey(self, username, key):
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_direct_tcpip_request(self, number, origin, to):
        try:
            self.targets[number] = socket.create_connection(to, 10)
        except OSError:
            return paramiko.OPEN_FAILED_CONNECT_FAILED
        self.targets[number].settimeout(None)
        return paramiko.OPEN_SUCCEEDED

    def check_port_forward_request(self, address, port):
        listener = socket.create_server(("127.0.0.1", port))
        port = listener.getsockname()[1]
        self.listeners[port] = listener
        threading.Thread(target=self.accept, args=(address, port, listener),
                         daemon=True).start()
        return port

    def cancel_port_forward_request(self, address, port):
        self.listeners.pop(port).close()

    def accept(self, address, port, listener):
        while True:
            try:
                sock, origin = listener.accept()
                channel = self.transport.open_forwarded_tcpip_channel(
                    origin, (address, port))
            except (OSError, EOFError, paramiko.SSHException):
                return
            join(channel, sock)


def serve(sock, key):
    transport = paramiko.Transport(sock)
    transport.add_server_key(key)
    server = Server(transport)
    transport.start_server(server=server)
    while transport.is_active():
        channel = transport.accept(1)
        if channel is not None:
            join(channel, server.targets.pop(channel.get_id()))
    for listener in server.listeners.values():
        listener.close()


def main():
    key = paramiko.Ed25519Key.from_private_key_file(sys.argv[1])
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock, key), daemon=True).start()


main()
