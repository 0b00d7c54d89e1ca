# SPDX-License-Identifier: ISC
"""Connects to a port of 127.0.0.1, or to a Unix socket, as fast as it goes
and without a word, until standard input ends; says how often that was.

    connects.py PORT|PATH
"""

import collections
import select
import socket
import sys

KEPT = 200


def main(where):
    is_path = where.startswith("/")
    family = socket.AF_UNIX if is_path else socket.AF_INET
    to = where if is_path else ("127.0.0.1", int(where))
    kept, n = collections.deque(), 0
    while n % 100 or not select.select([sys.stdin], [], [], 0)[0]:
        s = socket.socket(family)
        s.setblocking(False)
        s.connect_ex(to)		# a queue may be full
        kept.append(s)
        n += 1
        if len(kept) > KEPT:
            kept.popleft().close()
    print(n)


if __name__ == "__main__":
    main(sys.argv[1])
