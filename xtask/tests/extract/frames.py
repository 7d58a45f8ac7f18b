"""Cuts bodies into messages: server-sent events, lines of JSON, and AWS event streams."""

import base64
import json
import struct
from dataclasses import dataclass


@dataclass
class Event:
    """One server-sent event."""

    name: str
    data: str

    def json(self):
        """The data as JSON; `None` where it is not."""
        try:
            return json.loads(self.data)
        except ValueError:
            return None


def events(body):
    """The events of an event stream, after the rules of the HTML standard.

    The last event counts although no blank line follows it: what a recorder kept of a body often
    lacks the end of the last line.
    """
    name, data = "", []
    for line in body.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split(
        "\n"
    ) + [""]:
        if not line:
            if data:
                yield Event(name, "\n".join(data))
            name, data = "", []
            continue
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "event":
            name = value
        elif key == "data":
            data.append(value)


def lines(body):
    """The values of a body with one JSON value a line."""
    return [json.loads(line) for line in body.splitlines() if line.strip()]


@dataclass
class Frame:
    """One message of an AWS event stream."""

    headers: dict
    payload: dict

    @property
    def exception(self):
        """The name of the exception that this message is, if it is one."""
        if self.headers.get(":message-type") in ("exception", "error"):
            return (
                self.headers.get(":exception-type")
                or self.headers.get(":error-code")
                or "exception"
            )
        return None


def aws_frames(encoded):
    """The messages of an AWS event stream: lengths, header block, payload, checksums."""
    data = base64.b64decode(encoded)
    at = 0
    while at + 16 <= len(data):
        total, headers_length = struct.unpack_from(">II", data, at)
        if total < 16 or at + total > len(data):
            return
        headers = data[at + 12 : at + 12 + headers_length]
        payload = data[at + 12 + headers_length : at + total - 4]
        yield Frame(aws_headers(headers), json.loads(payload or b"{}"))
        at += total


def aws_headers(block):
    """The headers of a message; only strings matter here, the other types are stepped over."""
    sizes = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
    headers, at = {}, 0
    while at < len(block):
        length = block[at]
        name = block[at + 1 : at + 1 + length].decode()
        at += 1 + length
        kind = block[at]
        at += 1
        if kind in sizes:
            at += sizes[kind]
            continue
        (size,) = struct.unpack_from(">H", block, at)
        at += 2
        if kind == 7:
            headers[name] = block[at : at + size].decode()
        at += size
    return headers
