# SPDX-License-Identifier: ISC
"""Documents that are made to hurt who reads them: the Muzzle, alone and at a
gateway whose agent is somebody else's program, passes them or breaks off; who
uses it at the same time notices nothing, and it needs no memory for them."""

import contextlib
import http.server
import socketserver
import threading
import time

import pytest

from lab.docker_door import Door
from lab.harness import Lab, built_with_asan
from lab.muzzle_client import Client
from lab.system import until

MIB = 1024 * 1024
# The whole of it was once kept, which had this limit.
LARGE = 8 * MIB - 4096
AT_ONCE = 4
SECRET = b"correct-horse"
SMALL = b'{"Id":"1","Env":["PASSWORD=' + SECRET + b'"],"Labels":{"a":"b"}}'
MASKED = SMALL.replace(SECRET, b"***")

# Name: what the engine says, and what comes out; None: broken.
DOCUMENTS = {
    "objects": (b"[" + b"{}," * (LARGE // 3) + b"{}]",) * 2,
    "nul": (b"[" + SMALL.replace(b'"b"', rb'"\u0000"') + b"," + SMALL + b"]",
            b"[" + MASKED.replace(b'"b"', rb'"\u0000"') + b"," + MASKED +
            b"]"),
    "string": (b'["' + b"x" * LARGE + b'"]',) * 2,
    "secret": (b'{"Env":["A=' + b"s" * LARGE + b'"]}',
               b'{"Env":["A=***"]}'),
    "twice": (b'{"Env":["A=' + SECRET + b'"],"Env":["B=' + SECRET + b'"]}',
              b'{"Env":["A=***"],"Env":["B=***"]}'),
    "escapes": (b'["' + rb"\u0000" * (LARGE // 6) + b'"]',) * 2,
    "number": (b"[" + b"9" * LARGE + b"]",) * 2,
    "urls": (b'["' + b"x://a:b/" * (LARGE // 8) + b'"]', ...),
    "no UTF-8": (b'{"\xff":"\xc0\x80","Env":["A=' + SECRET + b'\xff"]}',
                 b'{"\xff":"\xc0\x80","Env":["A=***"]}'),
    "depth": (b"[" * 100000 + SMALL + b"]" * 100000, None),
    "raw NUL": (b'{"a":"' + SECRET + b'\0"}', None),
    "cut off": (b"[" + SMALL + b"," + SMALL[:-4], None),
    "no JSON": (b'[{"Env":["A=' + SECRET + b'"],}]', None),
}
NAMES = list(DOCUMENTS)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        name = self.path.split("/")[-2]
        body = DOCUMENTS[NAMES[int(name[1:])]][0] if name[:1] == "d" \
            else b"{}"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def address_string(self):
        return "muzzle"

    def log_message(self, *_):
        pass


class Engine(socketserver.ThreadingUnixStreamServer):
    daemon_threads, request_queue_size = True, 64

    def __init__(self, path):
        super().__init__(path, Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass

    def close(self):
        self.shutdown()
        self.server_close()


@pytest.fixture(scope="module", params=["alone-unix", "charon-raw"])
def door(request, keys):
    lab = Lab(keys)
    engine = lab.own(Engine(lab.path("engine.sock")))
    yield Door(lab, request.param, engine.server_address)
    lab.close()


class Watched:
    """The process that reads the documents."""

    def __init__(self, door):
        self.process = door.charon or door.orthrus
        with open(f"/proc/{self.process.pid}/clear_refs", "w") as f:
            f.write("5")
        self.before = self.process.memory("VmHWM")

    def grown(self):
        return self.process.memory("VmHWM") - self.before


class Reader(threading.Thread):
    """Asks for a document until it is told to stop."""

    def __init__(self, address, name):
        super().__init__(daemon=True)
        self.address, self.target = address, f"d{NAMES.index(name)}"
        self.answers, self.failed = [], None
        self.start()

    def run(self):
        try:
            for _ in range(2):
                with Client(self.address, 60) as c:
                    c.send([b"GET /containers/%s/json HTTP/1.1\r\n"
                            b"Host: docker\r\n\r\n" % self.target.encode()])
                    self.answers.append(c.answer())
        except (OSError, AssertionError) as e:
            self.failed = e


def refused(conn):
    """What the Muzzle answers itself: how long that takes, in seconds."""
    began = time.monotonic()
    conn.send([b"GET /secrets HTTP/1.1\r\nHost: docker\r\n\r\n"])
    assert conn.answer().status == 403
    return time.monotonic() - began


def check(answer, want):
    if want is None:
        assert answer.status == 502 or not answer.whole
        assert SECRET not in answer.body
    else:
        assert answer.status == 200 and answer.whole
        assert want is ... or answer.body == want


@pytest.mark.heavy
@pytest.mark.parametrize("name", NAMES)
def test_bystanders(door, name):
    watched, worst = Watched(door), 0
    with Client(door.address, 60) as bystander:
        refused(bystander)
        readers = [Reader(door.address, name) for _ in range(AT_ONCE)]
        while any(r.is_alive() for r in readers):
            worst = max(worst, refused(bystander))
            time.sleep(0.002)
    print(f"{name}: others waited {worst * 1000:.0f} ms at the most, memory "
          f"{watched.grown() / MIB:+.1f} MiB")
    for r in readers:
        assert r.failed is None and len(r.answers) == 2, r.failed
        for answer in r.answers:
            check(answer, DOCUMENTS[name][1])
    # It was a second and 677 MiB for "objects".
    assert worst < 2
    if not built_with_asan():
        assert watched.grown() < 24 * MIB


def test_it_goes_on(door):
    """Behind all that, as before."""
    def served():
        with Client(door.address) as c:
            c.send([b"GET /version HTTP/1.1\r\nHost: docker\r\n\r\n"])
            return c.answer().body == b"{}"
    until("it is served", 10, served)
