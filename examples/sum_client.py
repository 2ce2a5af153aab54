"""A client for the sum exchange with a plain socket.

python3 sum_client.py NUMBER [NAME [HOST [PORT]]]
"""

from __future__ import annotations

import argparse
import re
import socket
import sys

TIMEOUT = 10.0
"""Seconds to wait for the connection, and then for each part of the reply."""

LONGEST = 1024
"""Bytes that a reply may have."""


def ask(host: str, port: int, request: str) -> str:
    """Send `request` as a line, and return the line that the server replies.

    Raises OSError if the connection fails, and ValueError if the reply is no line of text.
    """
    with socket.create_connection((host, port), TIMEOUT) as server:
        server.sendall(request.encode() + b"\n")
        reply = b""
        # TCP carries a stream of bytes: one recv() may return only a part of the line.
        while b"\n" not in reply:
            part = server.recv(LONGEST)
            if not part:  # the server has closed the connection
                break
            reply += part
            if len(reply) > LONGEST:
                raise ValueError("the reply is too long")
    return reply.partition(b"\n")[0].decode().strip()


def read_reply(line: str) -> tuple[str, int]:
    """Return the server's name and number; raises ValueError if `line` has something else."""
    # A name may contain commas: .+ takes as much as it can, so the last comma separates.
    found = re.fullmatch(r"(.+),\s*([+-]?\d{1,9})", line)
    if not found:
        raise ValueError(f"the server replied {line!r}" if line else "the server did not reply")
    return found[1], int(found[2])


def main() -> int:
    """Do one exchange, and return the exit status."""
    parser = argparse.ArgumentParser(description="Exchange a name and a number with a server.")
    parser.add_argument("number", metavar="NUMBER", type=int)
    parser.add_argument("name", metavar="NAME", nargs="?", default="Client in Python")
    parser.add_argument("host", metavar="HOST", nargs="?", default="127.0.0.1")
    parser.add_argument("port", metavar="PORT", nargs="?", default=12000, type=int)
    options = parser.parse_args()

    try:
        line = ask(options.host, options.port, f"{options.name},{options.number}")
        server_name, server_number = read_reply(line)
    except (OSError, OverflowError, ValueError) as error:  # OverflowError: a port above 65535
        print(f"sum_client.py: {error}", file=sys.stderr)
        return 1

    print(f"Client name: {options.name}")
    print(f"Server name: {server_name}")
    print(f"Client's number: {options.number}")
    print(f"Server's number: {server_number}")
    print(f"Sum: {options.number + server_number}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
