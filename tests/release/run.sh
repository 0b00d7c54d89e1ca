#!/bin/sh
# SPDX-License-Identifier: ISC
# Tests what contrib/release.sh put into dist/ on machines of their own, which
# take a minute each.  Arguments go to pytest, e.g. "-k bookworm".
set -eu

here=$(cd "$(dirname "$0")" && pwd)
"$here/../../contrib/deps.sh" release
"$here/../../contrib/deps.sh" engine
exec env PYTHONDONTWRITEBYTECODE=1 PATH="$PATH:/usr/sbin:/sbin" \
    /usr/bin/python3 -m pytest -q -rsP -p no:cacheprovider "$@" "$here"
