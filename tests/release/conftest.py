# SPDX-License-Identifier: ISC
"""A test that fails shows what the machine's journal has to say."""

import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    machine = item.funcargs.get("debian") if report.failed else None
    if machine is not None:
        report.sections.append(("journal", machine.journal("-n", "60")))
