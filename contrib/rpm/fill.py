# SPDX-License-Identifier: ISC
"""Fills in the spec: fill.py SPEC BILL VERSION CHANGELOG, where BILL is the
bill of materials of the static programs."""

import json
import sys


def license_of(part):
    """Its SPDX expression."""
    found = part["licenses"][0]
    return found.get("expression") or found["license"]["id"]


def main(spec, bill, version, changelog):
    with open(bill, encoding="utf-8") as file:
        parts = json.load(file)["components"]
    bundled = sorted(f"Provides:       bundled({part['name']}) = "
                     f"{part['version'].replace('-', '~')}" for part in parts)
    licenses = sorted({license_of(part) for part in parts} - {"ISC"})
    with open(spec, encoding="utf-8") as file:
        text = file.read()
    for name, value in (("VERSION", version), ("CHANGELOG", changelog),
                        ("LICENSE", " AND ".join(["ISC", *licenses])),
                        ("BUNDLED", "\n".join(bundled))):
        text = text.replace(f"@{name}@", value)
    sys.stdout.write(text)


main(*sys.argv[1:])
