"""What the command lines of our programs have in common."""

from __future__ import annotations

import argparse
import getpass
import os
import platform
import re
import sys
from collections.abc import Callable
from math import isfinite
from typing import NoReturn, TypeVar

import twisted

from . import __version__
from .core import Malformed, escape, parse_name, parse_number

T = TypeVar("T")

HOST = "127.0.0.1"
PORT = 12000


def version() -> str:
    """The line that ``--version`` prints: the versions of sumproto and of what it runs on."""
    python = platform.python_version()
    return f"sumproto {__version__} (Twisted {twisted.__version__}, Python {python})"


def end_with_usage_error(program: str, mistake: str) -> NoReturn:
    """End `program` with status 2, after a line on stderr with the `mistake` and where help is."""
    print(f"{program}: {escape(mistake)} (try --help)", file=sys.stderr)
    raise SystemExit(2)


class Parser(argparse.ArgumentParser):
    """The parser of a command line, whose usage errors are one line."""

    def error(self, message: str) -> NoReturn:
        end_with_usage_error(self.prog, message)


def default_name(role: str) -> str:
    """`role` ("Client", "Server") "of" the user who runs this, as the exercise has it."""
    try:
        return parse_name(f"{role} of {getpass.getuser()}")
    except (Malformed, KeyError, OSError):  # an account may have no name, or an odd one
        return f"{role} of somebody"


def argument(convert: Callable[[str], T]) -> Callable[[str], T]:
    """`convert`, for an argument of `argparse`, which has words of its own for a ValueError."""

    def argument(text: str) -> T:
        try:
            return convert(text)
        except ValueError as wrong:
            raise argparse.ArgumentTypeError(str(wrong)) from None

    return argument


def integer_in(lowest: int, highest: int) -> Callable[[str], int]:
    """A converter of text to an integer in that range; it raises `ValueError` for any other."""

    def convert(text: str) -> int:
        number = parse_number(text)
        if not lowest <= number <= highest:
            raise ValueError(f"{escape(text)} is not in {lowest}..{highest}")
        return number

    return convert


def check_host(text: str) -> str:
    """`text`, which may be a host. Raises `ValueError` if there is a port behind the host."""
    if found := re.fullmatch(r"\[?([^:]+|[^\]]*:[^\]]*(?=\]))\]?:(\d{1,5})", text):
        host, port = map(escape, found.groups())
        raise ValueError(f"the port is an option of its own: --host {host} --port {port}")
    return text


def parse_seconds(text: str) -> float:
    """The number of seconds in `text`, 0 or more. Raises `ValueError` if there is none."""
    return parse_amount(text, "seconds")


def parse_time_limit(text: str) -> float:
    """The number of seconds in `text`, more than 0. Raises `ValueError` if there is none."""
    seconds = parse_seconds(text)
    if not seconds:
        raise ValueError("0 s leave no time for a reply")
    return seconds


def parse_amount(text: str, unit: str) -> float:
    """The number in `text`, 0 or more, of what is called `unit`. Raises `ValueError` otherwise."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not (number >= 0 and isfinite(number)):
        raise ValueError(f"'{escape(text)}' is not a number of {unit}")
    return number


def silence_stdout() -> None:
    """Have nothing more of stdout, which could not be written: Python would try, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def explain(error: Exception) -> str:
    """Why an endpoint cannot be had, where a parser of endpoints or a plugin raised `error`."""
    if isinstance(error, ImportError | NameError):  # Twisted's own words for a missing pyOpenSSL
        return "TLS is not installed: pip install '.[tls]'"
    return str(error)
