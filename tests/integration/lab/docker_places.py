# SPDX-License-Identifier: ISC
"""Engines of every kind, each with a muzzle and a gateway in front of it.

They are started when the first test asks for them and kept for the next ones
of the same worker.
"""

import contextlib
import threading

import pytest

from lab import docker_engines
from lab.docker_door import Door
from lab.harness import Lab
from lab.system import lasting

NEED_REGISTRIES = {"dockerd-new": docker_engines.Newest,
                   "podman": docker_engines.Podman}
ENGINES = ["dockerd", *(pytest.param(e, marks=pytest.mark.registries)
                        for e in NEED_REGISTRIES)]


class Place:
    """An engine and the ways to it."""

    def __init__(self, lab, engine, kind):
        self.lab, self.engine, self.kind = lab, engine, kind
        self._doors = {}

    def door(self, way, *options):
        key = way, options
        if key not in self._doors:
            door = Door(self.lab, way, self.engine.socket, *options)
            self._doors[key] = door
            lasting.add(door.orthrus.process.pid)
            if door.charon:
                lasting.add(door.charon.process.pid)
        return self._doors[key]

    @contextlib.contextmanager
    def events(self):
        """Meanwhile, an image is given the same name over and over."""
        self._tag()
        done = threading.Event()

        def tag():
            while not done.wait(0.3):
                self._tag()
        ticker = threading.Thread(target=tag)
        ticker.start()
        try:
            yield
        finally:
            done.set()
            ticker.join()
            self.engine.ask("DELETE", "/images/event:tick?noprune=1")

    def _tag(self):
        status, said = self.engine.ask(
            "POST", "/images/bb:1/tag?repo=event&tag=tick")
        assert status == 201, said


@pytest.fixture(scope="session")
def places(keys, request):
    """places(KIND) of one, which is skipped where it cannot be."""
    lab, made, engines = Lab(keys), {}, []

    def place(kind):
        if kind not in made:
            if kind in NEED_REGISTRIES:
                engine = NEED_REGISTRIES[kind]()
                engines.append(engine)
                engine.start()
                engine.furnish()
            else:
                engine = request.getfixturevalue("docker_engine")
            made[kind] = Place(lab, engine, kind)
        return made[kind]
    yield place
    lab.close()
    for engine in engines:
        engine.close()
