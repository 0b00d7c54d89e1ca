# SPDX-License-Identifier: ISC
"""Fixtures of the integration tests: keys, the laboratory, quiet times."""

import sys

sys.dont_write_bytecode = True

import ctypes
import fcntl
import os
import pathlib
import resource
import shutil
import signal
import tempfile

import pytest

from lab import harness, system
from lab.charon_home import home
from lab.charon_http import api
from lab.docker_engine import bare_engine, docker_engine
from lab.docker_places import places

PR_SET_CHILD_SUBREAPER = 36
LONGEST = 900			# seconds, of one test: it hangs


def pytest_configure(config):
    # A shell that runs us in the background has them ignored, and so would be
    # Ctrl-C in a test.
    for number in signal.SIGHUP, signal.SIGINT, signal.SIGQUIT:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    if not os.access(harness.ORTHRUS, os.X_OK):
        raise pytest.UsageError(f"no program {harness.ORTHRUS}: set ORTHRUS")
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip("sshd needs root here"))


def hangs(*_):
    pytest.fail(f"still at it after {LONGEST} s", pytrace=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    signal.signal(signal.SIGALRM, hangs)
    signal.alarm(LONGEST)
    yield
    signal.alarm(0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call" and report.failed and "lab" in item.funcargs:
        report.sections.extend(item.funcargs["lab"].logs())


@pytest.fixture(scope="session")
def keys():
    """One user key and one host key for all tests of this worker."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="orthrus-k-", dir="/tmp"))
    system.keygen(folder / "user")
    system.keygen(folder / "host")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def quiet(request):
    """Heavy tests run alone; timed ones beside anything but those."""
    heavy = request.node.get_closest_marker("heavy")
    if not heavy and not request.node.get_closest_marker("timed"):
        yield
        return
    fd = os.open(os.path.dirname(__file__), os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(fd, fcntl.LOCK_EX if heavy else fcntl.LOCK_SH)
    yield
    os.close(fd)


@pytest.fixture
def lab(keys, quiet):
    lab = harness.Lab(keys)
    yield lab
    lab.close()


@pytest.fixture
def sshd(lab):
    return lab.sshd()
