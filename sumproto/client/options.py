"""The command line of the client: what it takes, and what of it does not go together."""

from __future__ import annotations

from argparse import Namespace

from ..commandline import (
    HOST,
    PORT,
    Parser,
    argument,
    check_host,
    default_name,
    integer_in,
    parse_time_limit,
    version,
)
from ..core import (
    HIGHEST,
    LOWEST,
    parse_name,
    parse_number,
)
from .datagrams import FIRST_WAIT, PATIENCE, TRIES
from .probing import add_options
from .report import JsonReport, SumReport, TextReport
from .stream import TIMEOUT


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
    parser.add_argument(
        "--host", type=argument(check_host), help=f"of the server [default: {HOST}]"
    )
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
        type=argument(parse_time_limit),
        help="for the connection, with the look-up of a name, and for each reply [default: "
        f"{TIMEOUT:g}, with --udp {PATIENCE:g}]",
    )
    parser.add_argument(
        "--udp",
        action="store_true",
        help=f"by datagrams: a request with no reply is sent again after {FIRST_WAIT:g} s, then "
        f"after twice as long, {TRIES} times in all",
    )
    add_options(parser)
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


def check(options: Namespace) -> None:
    """Fill in the defaults of `options`. Raises `ValueError` if some do not go together."""
    if options.connect and (options.host or options.port or options.udp):
        raise ValueError("--connect goes without --host, --port and --udp")
    options.host = options.host or HOST
    options.port = options.port or PORT
    options.timeout = options.timeout or (PATIENCE if options.udp else TIMEOUT)
