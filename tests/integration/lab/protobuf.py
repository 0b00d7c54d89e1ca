# SPDX-License-Identifier: ISC
"""Protobuf's encoding, by hand, so that a test says each byte itself."""


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    """A number of a Protobuf message."""
    return varint(field << 3) + varint(value)


def text(field, value):
    """A text, or a message, of a Protobuf message."""
    data = value if isinstance(value, bytes) else value.encode()
    return varint(field << 3 | 2) + varint(len(data)) + data


def read_fields(data):
    """The fields of a Protobuf message: {number: value}, texts and numbers."""
    found, at = {}, 0

    def read():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(data):
        tag = read()
        value = read()
        if tag & 7 == 2:
            value, at = data[at:at + value], at + value
        found[tag >> 3] = value
    return found
