# SPDX-License-Identifier: ISC
"""An authority of a test's own, and a web server's certificate by it."""

import subprocess

NAME = "gw.example.com"


def _openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE)


class Certificates:
    """In a folder: ca.pem; fullchain.pem, privkey.pem, and both.pem."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = folder / "ca.pem"
        self.chain = folder / "fullchain.pem"
        self.key = folder / "privkey.pem"
        self.both = folder / "both.pem"
        folder.mkdir(exist_ok=True)
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-nodes", "-days", "2")
        _openssl("req", "-x509", *curve, "-keyout", folder / "ca.key",
                 "-out", self.ca, "-subj", "/CN=test authority",
                 "-addext", "keyUsage=critical,keyCertSign")
        _openssl("req", "-x509", *curve, "-CA", self.ca, "-CAkey",
                 folder / "ca.key", "-keyout", self.key, "-out", self.chain,
                 "-subj", f"/CN={NAME}", "-addext",
                 f"subjectAltName=DNS:{NAME},DNS:localhost,"
                 "IP:127.0.0.1,IP:::1")
        self.both.write_bytes(self.chain.read_bytes() +
                              self.key.read_bytes())
        for file in folder.iterdir():
            file.chmod(0o600)
