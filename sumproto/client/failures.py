"""How the exchanges of a client fail."""

from __future__ import annotations

from ..core import Cause, Failed


class ExchangeFailed(Exception):
    """Not every exchange was done. Its text says why to people, and its `cause` to programs."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.text)
        self.cause = failed.cause


class NobodyListens(ExchangeFailed):
    """The server's port is closed: no server has been started there."""


class ServerStopped(Exception):
    """The server stops, because a request asked it to. Its text is the server's explanation."""

    def too_early(self) -> ExchangeFailed:
        """What this is when there are more requests to send."""
        text = f"the server stopped with requests left to send: {self}"
        return ExchangeFailed(Failed(Cause.STOPPED_EARLY, text))
