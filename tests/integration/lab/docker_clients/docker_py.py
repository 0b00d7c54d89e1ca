# SPDX-License-Identifier: ISC
"""docker-py, the library of Compose 1, Ansible and Glances."""

import sys

import docker


def joined(names):
    return ",".join(sorted(names))


def run(client):
    api = client.api
    web, done = client.containers.get("web"), client.containers.get("done")
    yield "ping", lambda: "ok" if client.ping() else "no"
    yield "version", lambda: client.version()["ApiVersion"]
    yield "info", lambda: client.info()["Containers"]
    yield "list", lambda: joined(
        c.name for c in client.containers.list(all=True))
    yield "filter", lambda: joined(
        c.name for c in client.containers.list(filters={"label": "role"}))
    yield "inspect", lambda: joined(web.attrs["Config"]["Env"])
    yield "logs", lambda: ",".join(
        sorted(done.logs().decode().splitlines()))
    yield "follow", lambda: first(web.logs(stream=True, tail=0))
    yield "stats", lambda: two(web.stats(decode=True))
    yield "once", lambda: web.stats(stream=False)["name"].strip("/")
    yield "top", lambda: "sleep" if "sleep" in repr(
        web.top()["Processes"]) else "no"
    yield "changes", lambda: joined(
        c["Path"] for c in done.diff() if c["Path"] == "/new")
    yield "events", lambda: event(client)
    yield "images", lambda: joined(
        t for i in client.images.list() for t in i.tags)
    yield "image", lambda: client.images.get("bb:1").attrs["Os"]
    yield "history", lambda: len(client.images.get("bb:1").history())
    yield "networks", lambda: joined(n.name for n in client.networks.list())
    yield "network", lambda: client.networks.get(
        min(n.name for n in client.networks.list())).attrs["Driver"]
    yield "volumes", lambda: joined(v.name for v in client.volumes.list())
    yield "volume", lambda: client.volumes.get("nfs").attrs["Driver"]
    yield "df", lambda: joined(
        c["Names"][0].strip("/") for c in api.df()["Containers"])


def first(stream):
    for chunk in stream:
        return chunk.decode().strip()


def two(stream):
    names = [next(stream)["name"].strip("/") for _ in range(2)]
    return ",".join(names)


def event(client):
    events = client.events(decode=True, filters={"type": "image"})
    with_action = next(events)
    events.close()
    return with_action["Action"]


client = docker.DockerClient(base_url=sys.argv[1], version="auto", timeout=20)
for name, ask in run(client):
    try:
        print(name, ask(), flush=True)
    except Exception as e:		# whatever the library says
        print(name, "failed:", e, flush=True)
