"""Requests in all dialects with their replies, and the examples of docs/dialects.md."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from support.project import PROJECT

MIRRORED = [
    (b"Client of Ann,42", b"Server of Bob,58"),
    (b"Client of Ann;42", b"Server of Bob;58"),
    (b"Client of Ann:42", b"Server of Bob:58"),
    (b"Client of Ann|42", b"Server of Bob|58"),
    (b"Client of Ann 42", b"Server of Bob 58"),
    (b"Client of Ann\t42", b"Server of Bob\t58"),
    (b"Client of Ann, 42", b"Server of Bob, 58"),
    (b"Client of Ann  |\t42", b"Server of Bob  |\t58"),
    (b"Client of Ann,+42", b"Server of Bob,58"),
    (b"Client of Ann,0042", b"Server of Bob,58"),
    (b" Client of Ann ,42", b"Server of Bob ,58"),
    (b"42,Client of Ann", b"58,Server of Bob"),
    (b"42 : Client of Ann", b"58 : Server of Bob"),
    (b"42 Client of Ann ", b"58 Server of Bob"),
    (b"Client of Ann\n42", b"Server of Bob\n58"),
    (b"Client of Ann\r\n42", b"Server of Bob\r\n58"),
]

OBJECTS = [
    (
        b'{"name": "Client of Ann", "number": 42}',
        b'{"name": "Server of Bob", "number": 58}',
    ),
    (b'{"n":42,"who":"Client of Ann"}', b'{"n":58,"who":"Server of Bob"}'),
    (
        b'{"client_name": "Client of Ann", "client_number": 42}',
        b'{"server_name": "Server of Bob", "server_number": 58}',
    ),
    (
        b'{"clientName":"Client of Ann","ClientNumber":42}',
        b'{"serverName":"Server of Bob","ServerNumber":58}',
    ),
    (
        b'{"id": "client-7", "name": "Client of Ann", "number": 42}',
        b'{"id": "client-7", "name": "Server of Bob", "number": 58}',
    ),
    (
        b'{"name": "Client of Ann", "id": -7, "number": 42}',
        b'{"name": "Server of Bob", "id": -7, "number": 58}',
    ),
    (b'{"id": 42, "name": "Client of Ann"}', b'{"id": 58, "name": "Server of Bob"}'),
    (
        b'{\n\t"name"\t: "Client of Ann" ,\r\n "number":42 }',
        b'{\n\t"name"\t: "Server of Bob" ,\r\n "number":58 }',
    ),
    (b'{"\\u006e": "Client of \\u0041nn", "}": 42}', b'{"\\u006e": "Server of Bob", "}": 58}'),
]

RECORDS = [
    (b"\0\x0dClient of Ann\0\0\0\x2a", b"\0\x0dServer of Bob\0\0\0\x3a"),
    (b"\0\x10Client of Ann,42", b"\0\x10Server of Bob,58"),
    (b"\0\x12Client of Ann ; 42", b"\0\x12Server of Bob ; 58"),
]

SHOWN = (PROJECT / "docs" / "dialects.md").read_text()


class Example(NamedTuple):
    """What a section of docs/dialects.md shows."""

    option: str
    request: bytes
    reply: bytes
    program: str


def unescape(cell: str) -> bytes:
    value = ast.literal_eval(f"b'''{cell.replace(chr(92) + '|', '|')}'''")
    assert isinstance(value, bytes)
    return value


EXAMPLES = [
    Example(option, unescape(request), unescape(reply), program)
    for option, request, reply, program in re.findall(
        r"option \| `--dialect (.*?)` \|\n\| request \| `(.*?)` \|\n\| reply \| `(.*?)` \|\n"
        r"\n```python\n(.*?)```",
        SHOWN,
        re.S,
    )
]
