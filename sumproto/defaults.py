"""What server and client take where nothing else is said."""

from __future__ import annotations

import getpass

from .message import Malformed, parse_name

HOST = "127.0.0.1"
PORT = 12000


def default_name(role: str) -> str:
    """`role` ("Client", "Server") "of" the user who runs this, as the exercise has it."""
    try:
        return parse_name(f"{role} of {getpass.getuser()}")
    except (Malformed, KeyError, OSError):  # an account may have no name, or an odd one
        return f"{role} of somebody"
