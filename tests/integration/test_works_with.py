# SPDX-License-Identifier: ISC
"""docs/works-with.md names what is tried, and says what is refused."""

import pathlib
import re

from lab import docker_sequences
from test_docker_libraries import LIBRARIES
from test_docker_programs import CLIS, COMPOSE, CURL

TABLE = pathlib.Path(__file__).parents[2] / "docs" / "works-with.md"


def rows(title):
    """{first cell: the others} of the first table below a title."""
    section = TABLE.read_text().split(f"# {title}\n", 1)[1]
    lines = re.search(r"(?m)^\|---.*\n((?:\|.*\n)+)", section)[1]
    cells = [[c.strip() for c in line.strip("|").split("|")]
             for line in lines.splitlines()]
    return {name: " ".join(more) for name, *more in cells}


def test_clients():
    """Each that is tried has a row, and each row is tried."""
    assert list(rows("Command lines and libraries")) == \
        [*CLIS, COMPOSE, CURL, *LIBRARIES]


def test_readers():
    """The rows name exactly the requests and the options of the sequences."""
    told = rows("Dashboards and monitors")
    readers = {r.name: r for r in docker_sequences.readers()}
    assert list(told) == sorted(readers, key=str.lower)
    for name, reader in readers.items():
        for what in [*reader.refused, " ".join(reader.options)]:
            assert not what or f"`{what}`" in told[name], f"{name}: {what}"

