# SPDX-License-Identifier: ISC
"""A long way to a port of 127.0.0.1, in a process of its own: each byte comes
so many milliseconds later, and each connection from an address of its own.

    delay.py LISTEN PORT MILLISECONDS NETWORK

The kernel's netem is not everywhere; and every address of 127.0.0.0/8 is ours
without any right.  NETWORK is as 127.9.1: connections come from 127.9.1.1,
127.9.1.2 and so on.
"""

import asyncio
import contextlib
import socket
import sys


async def carry(reader, writer, seconds):
    """What comes in goes out later, its end as well."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue()

    async def deliver():
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0, due - loop.time()))
            if not data:
                return
            writer.write(data)

    async def collect():
        data = b"first"
        while data:
            try:
                data = await reader.read(65536)
            except OSError:
                data = b""
            queue.put_nowait((loop.time() + seconds, data))
    with contextlib.suppress(OSError):
        await asyncio.gather(collect(), deliver())
    with contextlib.suppress(OSError, RuntimeError):
        writer.close()


async def main(listen, port, ms, network):
    seconds, number = ms / 1000, 0

    async def pass_on(reader, writer):
        nonlocal number
        number = number % 254 + 1
        source = f"{network}.{number}"
        await asyncio.sleep(seconds)
        try:
            there = await asyncio.open_connection(
                "127.0.0.1", port, local_addr=(source, 0))
        except OSError:
            writer.close()
            return
        for w in (writer, there[1]):
            w.get_extra_info("socket").setsockopt(
                socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.gather(carry(reader, there[1], seconds),
                             carry(there[0], writer, seconds))
    server = await asyncio.start_server(pass_on, "127.0.0.1", listen)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]),
                     float(sys.argv[3]), sys.argv[4]))
