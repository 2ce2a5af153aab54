"""What a client shows while its exchanges go on."""

from __future__ import annotations

import json
import sys

from ..commandline import silence_stdout
from ..core import Exchange


class Report:
    """Shows nothing. A subclass overrides the methods for what it shows."""

    def connecting(self) -> None:
        """The connection is about to be made."""

    def sent(self, again: bool = False) -> None:
        """A request was sent, or sent `again`."""

    def exchanged(self, exchange: Exchange, tries: int | None = None) -> None:
        """The reply has come. By datagrams, it took so many `tries`; over a stream it is None."""

    def stopped(self, why: str) -> None:
        """The server stops, because the last request asked it to; `why` is its explanation."""


class TextReport(Report):
    """Prints what the exercise has a client print."""

    def connecting(self) -> None:
        _say("Connecting to server...")

    def sent(self, again: bool = False) -> None:
        _say("Message sent to server again" if again else "Message sent to server")

    def exchanged(self, exchange: Exchange, tries: int | None = None) -> None:
        _say(
            "Response received from server\n"
            f"Client name: {exchange.request.name}\n"
            f"Server name: {exchange.reply.name}\n"
            f"Client's number: {exchange.request.number}\n"
            f"Server's number: {exchange.reply.number}\n"
            f"Sum: {exchange.sum}" + (f"\nTries: {tries}" if tries else "")
        )

    def stopped(self, why: str) -> None:
        _say(f"Server is stopping: {why}")


class JsonReport(Report):
    """Prints a JSON object for each exchange, and for the stop."""

    def exchanged(self, exchange: Exchange, tries: int | None = None) -> None:
        fields: dict[str, object] = {
            "client_name": exchange.request.name,
            "server_name": exchange.reply.name,
            "client_number": exchange.request.number,
            "server_number": exchange.reply.number,
            "sum": exchange.sum,
        }
        if tries:
            fields["tries"] = tries
        _say(json.dumps(fields))

    def stopped(self, why: str) -> None:
        _say(json.dumps({"stopping": why}))


class SumReport(Report):
    """Prints the sums alone."""

    def exchanged(self, exchange: Exchange, tries: int | None = None) -> None:
        _say(str(exchange.sum))


def _say(text: str) -> None:
    """Print `text`. Once that cannot be done, nothing is printed any more."""
    try:
        print(text, flush=True)
    except OSError as wrong:
        silence_stdout()
        if not isinstance(wrong, BrokenPipeError):  # then nobody wants to know
            print(f"sumclient: cannot print: {wrong.strerror}", file=sys.stderr)
