# SPDX-License-Identifier: ISC
"""X.509: an authority of a test's own, and what it signs."""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(text):
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _days(n):
    return datetime.datetime.utcnow() + datetime.timedelta(days=n)


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


class Authority:
    """Its certificate is in the file .path."""

    def __init__(self, lab, name="ca"):
        self.lab, self.name = lab, name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(name, self.key, [], True, -1, 1)
        self.path = lab.write(f"{name}.pem", _pem(self.certificate), 0o644)

    def _sign(self, subject, key, names, authority, start, end):
        builder = (x509.CertificateBuilder()
                   .subject_name(_name(subject))
                   .issuer_name(_name(self.name))
                   .public_key(key.public_key())
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(_days(start))
                   .not_valid_after(_days(end))
                   .add_extension(x509.BasicConstraints(authority, None),
                                  critical=True))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(
                [_alternative(name) for name in names]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, file, *names, start=-1, end=1):
        """
        A server's certificate for these names and addresses, valid between
        these days from now; returns the path of it with its key.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(names[0], key, names, False, start, end)
        text = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()).decode()
        return self.lab.write(file, text + _pem(certificate))
