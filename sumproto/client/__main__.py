"""The program: ``python -m sumproto.client 42``."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from io import TextIOWrapper
from math import inf
from typing import Any, TextIO

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, clientFromString
from twisted.internet.task import react
from twisted.python.failure import Failure

from ..commandline import HOST, PORT, explain
from ..core import HIGHEST, LOWEST, Form, Message, MessageError, escape, parse_number
from ..deadline import Pulse
from ..twisted_gaps import run_on_monotonic_clock
from .datagrams import exchange_datagrams, find_addresses
from .failures import ExchangeFailed, NobodyListens
from .lookup import Resolver
from .options import check, make_parser
from .probing import choose, exchange_probing, other_ways
from .report import TextReport
from .stream import SumClientFactory, exchange_over

_NOTHING_ENTERED = "no integer was entered"

Exchanges = Callable[[Pulse], Coroutine[Any, Any, None]]
"""Does all exchanges when it is called, by a clock that beats. Raises `ExchangeFailed`."""


def main() -> None:
    """What ``sumclient`` and ``python -m sumproto.client`` run."""
    _take_and_show_anything()
    try:
        parser = make_parser()
        options = parser.parse_args()
        try:
            exchanges = _check(options)
        except ValueError as wrong:
            parser.error(str(wrong))
        react(_run, (exchanges, options))
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _take_and_show_anything() -> None:
    """Send integers of any length, and show names even beyond the letters of the terminal."""
    sys.set_int_max_str_digits(0)
    for stream, errors in (sys.stdin, "replace"), (sys.stdout, "backslashreplace"):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=errors)


def _check(options: Namespace) -> Exchanges:
    """The exchanges that `options` ask for. Raises `ValueError` if they cannot be done."""
    check(options)
    requests = [Message(options.name, number) for number in options.numbers or _numbers(options)]
    forms = choose(options, requests)

    from twisted.internet import reactor

    run_on_monotonic_clock(reactor)
    way = _by_datagrams if options.udp else _over_a_stream
    return way(reactor, options, requests, forms)


def _numbers(options: Namespace) -> list[int]:
    """All integers that are piped in, or the one that a person at the terminal enters."""
    if sys.stdin and sys.stdin.isatty():
        # What is printed for programs to read has no prompts in it.
        return [_ask(sys.stdout if options.report is TextReport else sys.stderr)]
    words = sys.stdin.read().split() if sys.stdin else []
    if not words:
        raise ValueError(_NOTHING_ENTERED)
    try:
        return [parse_number(word) for word in words]
    except MessageError as wrong:
        raise ValueError(f"standard input: {wrong}") from None


def _ask(prompts: TextIO) -> int:
    """The integer that is entered. Raises `ValueError` at the end of the input."""
    while True:
        print(
            f"Enter an integer between {LOWEST} and {HIGHEST}: ", end="", file=prompts, flush=True
        )
        try:
            return parse_number(input().strip())
        except MessageError as wrong:
            print(f"{wrong}; {LOWEST} to {HIGHEST}, Ctrl-D to leave", file=prompts)
        except EOFError:
            print(file=prompts)  # the cursor is behind the prompt
            raise ValueError(_NOTHING_ENTERED) from None


def _over_a_stream(
    reactor: Any, options: Namespace, requests: Sequence[Message], forms: Sequence[Form]
) -> Exchanges:
    """The exchanges over a connection, in the first of `forms` that the server understands.

    Raises `ValueError` for a bad endpoint.
    """
    reactor.installNameResolver(Resolver(reactor))
    if options.connect:
        try:
            endpoint = clientFromString(reactor, options.connect)
        except Exception as wrong:
            raise ValueError(f"--connect {escape(options.connect)}: {explain(wrong)}") from None
    else:  # with no timer of its own: exchange_over has a fair one
        endpoint = HostnameEndpoint(reactor, options.host, options.port, timeout=inf)

    timeout = options.timeout
    first_timeout = min(timeout, options.probe_timeout) if len(forms) > 1 else timeout

    async def exchange(pulse: Pulse) -> None:
        def make_factory(form: Form) -> SumClientFactory:
            return SumClientFactory(
                requests,
                reactor,
                timeout,
                options.report(),
                form.dialect,
                options.any_number,
                first_timeout,
                pulse,
            )

        others = other_ways(options, requests)
        await exchange_probing(partial(exchange_over, endpoint), make_factory, forms, others)

    return exchange


def _by_datagrams(
    reactor: Any, options: Namespace, requests: Sequence[Message], forms: Sequence[Form]
) -> Exchanges:
    """The exchanges over UDP, in the first of `forms`: there, silence is loss."""

    async def exchange(pulse: Pulse) -> None:
        report, seconds = options.report(), options.timeout
        addresses = await find_addresses(reactor, options.host, options.port, seconds, pulse)
        await exchange_datagrams(
            reactor,
            requests,
            addresses,
            report,
            forms[0].dialect,
            seconds,
            options.any_number,
            pulse,
        )

    return exchange


def _run(reactor: Any, exchanges: Exchanges, options: Namespace) -> Deferred[None]:
    """Do the exchanges.

    The Deferred fails with `SystemExit`, after a line on stderr, if that cannot be done.
    """

    def failed(reason: Failure) -> None:
        if reason.check(CancelledError):
            raise SystemExit(130)
        if isinstance(reason.value, ExchangeFailed):
            print(f"sumclient: {_explain(reason.value, options)}", file=sys.stderr)
            raise SystemExit(1)
        reason.raiseException()

    def begin(pulse: Pulse) -> Deferred[None]:
        pulse.start()
        return Deferred.fromCoroutine(exchanges(pulse))

    # Before the reactor runs, Ctrl-C is an exception in the midst of whatever is being done.
    running: Deferred[Pulse] = Deferred()
    reactor.callWhenRunning(running.callback, Pulse(reactor))
    outcome = running.addCallback(begin)
    # Only this tells of a signal. Once there is an outcome, it does nothing.
    reactor.addSystemEventTrigger("before", "shutdown", outcome.cancel)
    return outcome.addErrback(failed)


def _explain(failure: ExchangeFailed, options: Namespace) -> str:
    """What failed and where; and how to start a server if there is none."""
    where = escape(options.connect or f"{options.host}:{options.port}")
    if not isinstance(failure, NobodyListens):
        return f"{where}: {failure}"
    return f"nobody listens at {where}; start your server, or ours: {_server_command(options)}"


def _server_command(options: Namespace) -> str:
    """How a server is started that listens where `options` say."""
    command = "twistd sumserver"
    if options.connect:
        return f"{command} --listen ENDPOINT"
    if options.host not in (HOST, "localhost"):
        command += f" --host {escape(options.host)}"
    if options.port != PORT:
        command += f" --port {options.port}"
    return command + (" --udp" if options.udp else "")


if __name__ == "__main__":
    main()
