"""What a client shows: how its exchanges go."""

from __future__ import annotations

import json
import sys

from ..commandline import silence_stdout
from ..core import Cause, Exchange, Failed


class ExchangeFailed(Exception):
    """Not every exchange was done; the text is why, and `cause` is that for programs."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.text)
        self.cause = failed.cause


class ServerStopped(Exception):
    """The server stops, as a request asked it to; the text is why."""

    def too_early(self) -> ExchangeFailed:
        """What this is when there are more requests to send."""
        text = f"the server stopped with requests left to send: {self}"
        return ExchangeFailed(Failed(Cause.STOPPED_EARLY, text))


class Report:
    """Is told how the exchanges go. Each method does nothing; override what is to be shown."""

    def connecting(self) -> None:
        """The connection is about to be made."""

    def sent(self, again: bool = False) -> None:
        """A request was sent, or sent `again`."""

    def exchanged(self, exchange: Exchange, tries: int | None = None) -> None:
        """Its reply has come, to one of so many `tries` if there can be several."""

    def stopped(self, why: str) -> None:
        """The server stops because a request asked it to."""


class TextReport(Report):
    """Prints what the exercise has a client print."""

    def connecting(self) -> None:
        say("Connecting to server...")

    def sent(self, again: bool = False) -> None:
        say("Message sent to server again" if again else "Message sent to server")

    def exchanged(self, exchange: Exchange, tries: int | None = None) -> None:
        say(
            "Response received from server\n"
            f"Client name: {exchange.request.name}\n"
            f"Server name: {exchange.reply.name}\n"
            f"Client's number: {exchange.request.number}\n"
            f"Server's number: {exchange.reply.number}\n"
            f"Sum: {exchange.sum}" + (f"\nTries: {tries}" if tries else "")
        )

    def stopped(self, why: str) -> None:
        say(f"Server is stopping: {why}")


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
        say(json.dumps(fields))

    def stopped(self, why: str) -> None:
        say(json.dumps({"stopping": why}))


class SumReport(Report):
    """Prints the sums alone."""

    def exchanged(self, exchange: Exchange, tries: int | None = None) -> None:
        say(str(exchange.sum))


def say(text: str) -> None:
    """Print `text`; no more of it once that cannot be done."""
    try:
        print(text, flush=True)
    except OSError as wrong:
        silence_stdout()
        if not isinstance(wrong, BrokenPipeError):  # then nobody wants to know
            print(f"sumclient: cannot print: {wrong.strerror}", file=sys.stderr)
