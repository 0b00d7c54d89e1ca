# SPDX-License-Identifier: ISC
"""A client of asyncssh: see ssh_clients.py."""

import asyncio
import sys

import asyncssh

gate, user, key, host_key, agent, size, *ports = sys.argv[1:]
echo, digest, speaks, listens, other, path = ports
data = bytes((i * 31 + i // 251) & 255 for i in range(int(size)))


class Client(asyncssh.SSHClient):
    def validate_host_public_key(self, host, address, port, key):
        return key.get_fingerprint() == host_key


async def exchange(streams):
    reader, writer = streams

    async def send():
        writer.write(data)
        await writer.drain()
        writer.write_eof()
    sending = asyncio.create_task(send())
    back = await reader.read()
    await sending
    writer.close()
    return back


async def main():
    async with asyncssh.connect(
            "127.0.0.1", int(gate), username=user, client_keys=[key],
            client_factory=Client, known_hosts=([], [], [])) as ssh:
        def open_to(port):
            return ssh.open_connection(agent + ".orthrus", int(port))
        print("echo", await exchange(await open_to(echo)) == data)
        print("digest", (await exchange(await open_to(digest))).decode())
        reader, writer = await open_to(speaks)
        print("speaks", len(await reader.read()))
        writer.close()
        reader, writer = await open_to(listens)
        writer.write(data)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        print("unix", (await exchange(
            await ssh.open_unix_connection(path))).decode())
        try:
            await open_to(other)
        except asyncssh.ChannelOpenError as e:
            print("refused", e)


asyncio.run(main())
