# SPDX-License-Identifier: ISC
"""A server of asyncssh that forwards whatever is asked for.

asyncssh_server.py HOST_KEY     prints the port that it listens at
"""

import asyncio
import sys

import asyncssh


class Server(asyncssh.SSHServer):
    def begin_auth(self, username):
        return False		# whoever comes is let in

    def connection_requested(self, host, port, origin, origin_port):
        return True

    def server_requested(self, host, port):
        return True

    def unix_connection_requested(self, path):
        return True

    def unix_server_requested(self, path):
        return True


async def main():
    listener = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=Server,
        server_host_keys=[sys.argv[1]])
    print(listener.get_port(), flush=True)
    await listener.wait_closed()


asyncio.run(main())
