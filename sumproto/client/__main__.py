"""The program: ``python -m sumproto.client 42``."""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Callable, Sequence
from functools import partial
from io import TextIOWrapper
from math import inf
from typing import Any, TextIO

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, clientFromString
from twisted.internet.task import react
from twisted.python.failure import Failure

from ..commandline import HOST, PORT, argument, default_name, explain, integer_in, parse_time_limit
from ..core import (
    HIGHEST,
    LOWEST,
    Cause,
    Failed,
    Form,
    Message,
    MessageError,
    escape,
    parse_name,
    parse_number,
)
from ..twisted_gaps import run_on_monotonic_clock
from .datagrams import FIRST_WAIT, PATIENCE, TRIES, exchange_datagrams
from .probing import add_options, choose, exchange_probing
from .report import ExchangeFailed, JsonReport, SumReport, TextReport
from .stream import TIMEOUT, SumClientFactory, exchange_over


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sumclient",
        description="Send a name and integers to a sum server, and show its name, its numbers "
        "and the sums.",
        epilog="An integer that is not in 1..100 asks the server to stop. Exit status: 0 all "
        "done, 1 not (no connection, no reply, or one that is an error), 2 usage, 130 Ctrl-C.",
    )
    parser.add_argument(
        "numbers",
        metavar="NUMBER",
        nargs="*",
        type=argument(parse_number),
        help="exchanged in order over one connection; prompted for if there is none",
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
        type=argument(parse_time_limit),
        help="for the connection, and for each reply [default: "
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


def _ask(prompts: TextIO) -> int:
    while True:
        print(
            f"Enter an integer between {LOWEST} and {HIGHEST}: ", end="", file=prompts, flush=True
        )
        try:
            return parse_number(input().strip())
        except MessageError:
            continue
        except (EOFError, RuntimeError):  # RuntimeError: there is no stdin at all
            print("\nsumclient: no integer was entered", file=sys.stderr)
            raise SystemExit(2) from None


Begin = Callable[[], Deferred[None]]
"""Begins exchanges; its result fires when they are done, and fails with `ExchangeFailed`."""


def run(reactor: Any, begin: Begin, where: str) -> Deferred[None]:
    """`begin` to exchange with the server that is called `where`.

    The Deferred fails with `SystemExit`, after a line on stderr, if that cannot be done.
    """

    def failed(reason: Failure) -> None:
        if reason.check(CancelledError):
            raise SystemExit(130)
        if reason.check(ExchangeFailed):
            print(f"sumclient: {where}: {reason.value}", file=sys.stderr)
            raise SystemExit(1)
        reason.raiseException()

    outcome = begin()
    # Nothing else tells of a signal: with an outcome this does nothing.
    reactor.addSystemEventTrigger("before", "shutdown", outcome.cancel)
    return outcome.addErrback(failed)


def _connection(
    reactor: Any, options: argparse.Namespace, requests: Sequence[Message], forms: Sequence[Form]
) -> Begin:
    """What exchanges `requests` over a connection. Raises `ValueError` for a bad endpoint."""
    timeout = options.timeout or TIMEOUT
    if options.connect:
        try:
            endpoint = clientFromString(reactor, options.connect)
        except Exception as wrong:
            raise ValueError(f"--connect {escape(options.connect)}: {explain(wrong)}") from None
    else:  # with no timer of its own: exchange_over has a fair one
        endpoint = HostnameEndpoint(reactor, options.host, options.port, timeout=inf)
    first_timeout = min(timeout, options.probe_timeout) if len(forms) > 1 else timeout

    def make_factory(form: Form) -> SumClientFactory:
        report, dialect = options.report(), form.dialect
        return SumClientFactory(
            requests, reactor, timeout, report, dialect, options.any_number, first_timeout
        )

    attempt = partial(exchange_over, endpoint)
    return lambda: Deferred.fromCoroutine(exchange_probing(attempt, make_factory, forms))


def _datagrams(
    reactor: Any, options: argparse.Namespace, requests: Sequence[Message], forms: Sequence[Form]
) -> Begin:
    """What exchanges `requests` by datagrams, in the first of `forms`: silence is loss there."""

    async def exchange() -> None:
        try:
            found = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as wrong:
            why = getattr(wrong, "strerror", None) or str(wrong)
            raise ExchangeFailed(Failed(Cause.NO_CONNECTION, why)) from None
        addresses = [(str(address[0]), int(address[1])) for *_, address in found]
        timeout = options.timeout or PATIENCE
        report, dialect = options.report(), forms[0].dialect
        await exchange_datagrams(
            reactor, requests, addresses, report, dialect, timeout, options.any_number
        )

    return lambda: Deferred.fromCoroutine(exchange())


def main() -> None:
    """What ``sumclient`` and ``python -m sumproto.client`` run."""
    # Any integer may be sent, of any length; and whatever it is, it can be shown.
    sys.set_int_max_str_digits(0)
    for stream, errors in (sys.stdin, "replace"), (sys.stdout, "backslashreplace"):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=errors)
    try:
        parser = _parser()
        options = parser.parse_args()
        if options.connect and (options.host or options.port or options.udp):
            parser.error("--connect goes without --host, --port and --udp")
        options.host = options.host or HOST
        options.port = options.port or PORT
        # What is printed for programs to read has no prompts in it.
        prompts = sys.stdout if options.report is TextReport else sys.stderr
        numbers = options.numbers or [_ask(prompts)]
        requests = [Message(options.name, number) for number in numbers]
        try:
            forms = choose(options, requests)
        except ValueError as wrong:
            parser.error(str(wrong))

        from twisted.internet import reactor

        run_on_monotonic_clock(reactor)
        where = options.connect or f"{options.host}:{options.port}"
        try:
            way = _datagrams if options.udp else _connection
            begin = way(reactor, options, requests, forms)
        except ValueError as wrong:
            parser.error(str(wrong))
        react(run, (begin, where))
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
