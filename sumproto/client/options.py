"""The command line of the client: what it takes, and what of it does not go together."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from ..commandline import (
    HOST,
    PORT,
    Parser,
    argument,
    default_name,
    integer_in,
    parse_seconds,
    version,
)
from ..core import (
    DIALECTS,
    HIGHEST,
    LOWEST,
    WITHOUT_NEWLINE,
    Dialect,
    Message,
    parse_name,
    parse_number,
    reads_back,
)
from .datagrams import FIRST_WAIT, PATIENCE, TRIES
from .report import JsonReport, SumReport, TextReport
from .stream import TIMEOUT


def _timeout(text: str) -> float:
    seconds = parse_seconds(text)
    if not seconds:
        raise ValueError("0 s leave no time for a reply")
    return seconds


def make_parser() -> Parser:
    """The parser of the command line."""
    parser = Parser(
        prog="sumclient",
        description="Send a name and integers to a sum server, and show its name, its numbers "
        "and the sums.",
        epilog="An integer that is not in 1..100 asks the server to stop. Exit status: 0 all "
        "done, 1 not (no connection, no reply, or one that is an error), 2 usage, 130 Ctrl-C.",
    )
    parser.add_argument("--version", action="version", version=version())
    parser.add_argument(
        "numbers",
        metavar="NUMBER",
        nargs="*",
        type=argument(parse_number),
        help="exchanged in order over one connection; with none here, all that are piped in, or "
        "one that you are asked for",
    )
    parser.add_argument("--host", help=f"of the server [default: {HOST}]")
    parser.add_argument(
        "--port", type=argument(integer_in(1, 65535)), help=f"of the server [default: {PORT}]"
    )
    parser.add_argument(
        "--connect",
        metavar="ENDPOINT",
        help="a Twisted client endpoint instead of --host and --port, such as unix:/run/sum.sock",
    )
    name = default_name("Client")
    parser.add_argument(
        "--name",
        type=argument(parse_name),
        default=name,
        help="of the client [default: %(default)s]",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=argument(_timeout),
        help="for the connection, with the look-up of a name, and for each reply [default: "
        f"{TIMEOUT:g}, with --udp {PATIENCE:g}]",
    )
    parser.add_argument(
        "--udp",
        action="store_true",
        help=f"by datagrams: a request with no reply is sent again after {FIRST_WAIT:g} s, then "
        f"after twice as long, {TRIES} times in all",
    )
    parser.add_argument(
        "--dialect",
        choices=DIALECTS,
        default="comma",
        help="how requests are written [default: comma, Client of Ann,42]; replies are read in any",
    )
    parser.add_argument(
        "--unterminated",
        action="store_const",
        const="",
        default="\r\n",
        dest="newline",
        help="send no newline behind a request",
    )
    parser.add_argument(
        "--any-number",
        action="store_true",
        help=f"take a reply whose number is not in {LOWEST}..{HIGHEST}",
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument(
        "--json",
        dest="report",
        action="store_const",
        const=JsonReport,
        default=TextReport,
        help="print a JSON object for each exchange",
    )
    output.add_argument(
        "--quiet",
        dest="report",
        action="store_const",
        const=SumReport,
        help="print the sums alone",
    )
    return parser


def check(options: Namespace) -> Dialect:
    """Fill in the defaults of `options`, and return the dialect of the requests.

    Raises `ValueError` if some of the options do not go together.
    """
    if options.connect and (options.host or options.port or options.udp):
        raise ValueError("--connect goes without --host, --port and --udp")
    options.host = options.host or HOST
    options.port = options.port or PORT
    options.timeout = options.timeout or (PATIENCE if options.udp else TIMEOUT)
    if not options.newline and options.dialect in WITHOUT_NEWLINE:
        raise ValueError(f"--unterminated: a {options.dialect} has no newline anyway")
    return DIALECTS[options.dialect](options.newline)


def make_requests(options: Namespace, numbers: Sequence[int], dialect: Dialect) -> list[Message]:
    """A request for each of `numbers`.

    Raises `ValueError` if `dialect` has no room for a number, or a server would misread the name.
    """
    requests = [Message(options.name, number) for number in numbers]
    if not all(reads_back(request, dialect) for request in requests):
        raise ValueError(f"in the dialect {options.dialect}, the name would be misread")
    return requests
