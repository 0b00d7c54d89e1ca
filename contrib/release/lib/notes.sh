#!/bin/bash
# SPDX-License-Identifier: ISC
# What is new in this version, as CHANGES has it, and how to see who made it.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)

awk '/^orthrus [0-9]/ { if (n++) exit; next } { print }' "$root/CHANGES" |
    sed '/./,$!d'
cat <<'END'
`contrib/verify.sh --key KEY FILE`, with `SHA256SUMS` and its signature beside
the file, says whether a download is whole and who made it.
END
