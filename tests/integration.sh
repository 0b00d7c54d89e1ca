#!/bin/sh
# SPDX-License-Identifier: ISC
# Runs the integration tests, which start the real sshd, against the program
# that was built.  Arguments go to pytest, e.g. "-k socks5".  Skipped where
# pytest or sshd is missing, or ORTHRUS_SKIP_INTEGRATION is not empty;
# ORTHRUS_TEST_MARKS is for pytest's -m.
set -eu

top_srcdir=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
ORTHRUS=${ORTHRUS:-$PWD/orthrus}
python=/usr/bin/python3
PATH=$PATH:/usr/sbin:/sbin
PYTHONDONTWRITEBYTECODE=1
export ORTHRUS PATH PYTHONDONTWRITEBYTECODE

skip() {
	echo "integration tests skipped: $1"
	exit 77
}

[ -z "${ORTHRUS_SKIP_INTEGRATION:-}" ] || skip "ORTHRUS_SKIP_INTEGRATION is set"
$python -c 'import pytest' 2>/dev/null || skip "$python has no pytest"
command -v sshd >/dev/null || skip "sshd is missing"
[ -x "$ORTHRUS" ] || { echo "$ORTHRUS is not there: build it first"; exit 1; }

if $python -c 'import xdist' 2>/dev/null; then
	set -- -n "${ORTHRUS_TEST_JOBS:-4}" "$@"
fi
if [ -n "${ORTHRUS_TEST_MARKS:-}" ]; then
	set -- -m "$ORTHRUS_TEST_MARKS" "$@"
fi
if [ -n "${ORTHRUS_TEST_XML:-}" ]; then
	set -- --junit-xml "$ORTHRUS_TEST_XML" "$@"
fi
exec $python -m pytest -q -p no:cacheprovider "$@" \
    "$top_srcdir/tests/integration"
