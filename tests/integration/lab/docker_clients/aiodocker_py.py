# SPDX-License-Identifier: ISC
"""aiodocker, the asynchronous library on aiohttp."""

import asyncio
import sys

import aiodocker


def joined(names):
    return ",".join(sorted(names))


def plain(names):
    return joined(n.lstrip("/") for n in names)


async def first(stream):
    async for part in stream:
        return part


async def two(stream):
    names = []
    async for reading in stream:
        names.append(reading["name"].strip("/"))
        if len(names) == 2:
            return ",".join(names)


async def event(docker):
    channel = docker.events.subscribe()
    try:
        while True:
            message = await channel.get()
            if message["Type"] == "image":
                return message["Action"]
    finally:
        await docker.events.stop()


class Asked:
    def __init__(self, docker):
        self.docker = docker

    async def ping(self):
        return "ok" if await self.docker._query_json("_ping") else "no"

    async def version(self):
        return (await self.docker.version())["ApiVersion"]

    async def info(self):
        return (await self.docker.system.info())["Containers"]

    async def list(self):
        found = await self.docker.containers.list(all=True)
        return plain(c["Names"][0] for c in found)

    async def filter(self):
        found = await self.docker.containers.list(
            filters='{"label":["role"]}')
        return plain(c["Names"][0] for c in found)

    async def inspect(self):
        web = await self.docker.containers.get("web")
        return joined((await web.show())["Config"]["Env"])

    async def logs(self):
        done = self.docker.containers.container("done")
        said = await done.log(stdout=True, stderr=True)
        return ",".join(sorted(line.strip() for line in said))

    async def follow(self):
        web = self.docker.containers.container("web")
        return (await first(web.log(stdout=True, follow=True,
                                    tail=0))).strip()

    async def stats(self):
        return await two(self.docker.containers.container("web").stats())

    async def once(self):
        web = self.docker.containers.container("web")
        return (await web.stats(stream=False))[0]["name"].strip("/")

    async def events(self):
        return await event(self.docker)

    async def images(self):
        found = await self.docker.images.list()
        return joined(t for i in found for t in i["RepoTags"] or [])

    async def image(self):
        return (await self.docker.images.inspect("bb:1"))["Os"]

    async def history(self):
        return len(await self.docker.images.history("bb:1"))

    async def networks(self):
        return joined(n["Name"] for n in await self.docker.networks.list())

    async def network(self):
        name = min(n["Name"] for n in await self.docker.networks.list())
        return (await (await self.docker.networks.get(name)).show())["Driver"]

    async def volumes(self):
        found = await self.docker.volumes.list()
        return joined(v["Name"] for v in found["Volumes"])

    async def volume(self):
        volume = await self.docker.volumes.get("nfs")
        return (await volume.show())["Driver"]


async def main():
    async with aiodocker.Docker(url=sys.argv[1]) as docker:
        asked = Asked(docker)
        for name in ("ping version info list filter inspect logs follow "
                     "stats once events images image history networks "
                     "network volumes volume").split():
            try:
                print(name, await asyncio.wait_for(
                    getattr(asked, name)(), 20), flush=True)
            except Exception as e:	# whatever the library says
                print(name, "failed:", repr(e), flush=True)

asyncio.run(main())
