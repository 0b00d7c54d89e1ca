# SPDX-License-Identifier: ISC
"""Compose, and the commands that a printed compose.yaml begins with."""

import pathlib

from lab import registries
from lab.docker_engines import Newest


def compose_command():
    """Compose as a program, with its libraries."""
    root = pathlib.Path(registries.debian(Newest.suite, *Newest.packages))
    libraries = root / "usr/lib/x86_64-linux-gnu"
    return [str(libraries / "ld-linux-x86-64.so.2"), "--library-path",
            str(libraries),
            str(root / "usr/libexec/docker/cli-plugins/docker-compose")]


def comment_commands(text):
    """The commands in the comment at the head of a text."""
    return "".join(line[2:] + "\n" for line in text.splitlines()
                   if line.startswith("#\t"))
