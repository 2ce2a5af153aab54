"""What the command lines of server and client have in common."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from math import isfinite

from .message import Malformed, escape, parse_name, parse_number

HOST = "127.0.0.1"
PORT = 12000


def default_name(role: str) -> str:
    """`role` ("Client", "Server") "of" the user who runs this, as the exercise has it."""
    try:
        return parse_name(f"{role} of {getpass.getuser()}")
    except (Malformed, KeyError, OSError):  # an account may have no name, or an odd one
        return f"{role} of somebody"


def integer_in(lowest: int, highest: int) -> Callable[[str], int]:
    """A converter of text to an integer in that range; it raises `ValueError` for any other."""

    def convert(text: str) -> int:
        number = parse_number(text)
        if not lowest <= number <= highest:
            raise ValueError(f"{escape(text)} is not in {lowest}..{highest}")
        return number

    return convert


def parse_seconds(text: str) -> float:
    """The number of seconds in `text`, 0 or more. Raises `ValueError` if there is none."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not (seconds >= 0 and isfinite(seconds)):
        raise ValueError(f"'{escape(text)}' is not a number of seconds")
    return seconds


def explain(error: Exception) -> str:
    """Why an endpoint cannot be had, where a parser of endpoints or a plugin raised `error`."""
    if isinstance(error, ImportError | NameError):  # Twisted's own words for a missing pyOpenSSL
        return "TLS is not installed: pip install 'sumproto[tls]'"
    return str(error)
