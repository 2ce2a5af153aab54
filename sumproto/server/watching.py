"""All observers of a server as one: a failing observer harms neither the server nor another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.logger import Logger
from twisted.python.failure import Failure

from ..core import Done, MessageError, Observer, Peer
from ..trace import Throttle


class Watchers(Observer):
    """Passes on each event to `observers`, in their order.

    If one of them raises, that is logged with its traceback, and the next has its turn. `throttle`
    keeps an observer that always raises from filling the log.
    """

    _log = Logger()

    def __init__(self, observers: Sequence[Observer], throttle: Throttle) -> None:
        self._observers = observers
        self._throttle = throttle
        self._of_exchanges = [
            observer for observer in observers if type(observer).exchanged != Observer.exchanged
        ]

    @property
    def want_exchanges(self) -> bool:
        """Whether any of them overrides `exchanged`."""
        return bool(self._of_exchanges)

    def connected(self, peer: Peer) -> None:
        self._each(lambda observer: observer.connected(peer))

    def exchanged(self, peer: Peer, done: Sequence[Done], seconds: float) -> None:
        for observer in self._of_exchanges:  # spelled out: it is called for each exchange
            try:
                observer.exchanged(peer, done, seconds)
            except Exception:
                self._failed(observer)

    def refused(self, peer: Peer, error: MessageError) -> None:
        self._each(lambda observer: observer.refused(peer, error))

    def stop_denied(self, peer: Peer, error: MessageError) -> None:
        self._each(lambda observer: observer.stop_denied(peer, error))

    def stopping(self, why: str) -> None:
        self._each(lambda observer: observer.stopping(why))
        self._throttle.flush()

    def turned_away(self) -> None:
        self._each(lambda observer: observer.turned_away())

    def disconnected(self, peer: Peer, why: str | None) -> None:
        self._each(lambda observer: observer.disconnected(peer, why))

    def _each(self, tell: Callable[[Observer], None]) -> None:
        for observer in self._observers:
            try:
                tell(observer)
            except Exception:
                self._failed(observer)

    def _failed(self, observer: Observer) -> None:
        """Log the exception that is being handled."""
        name = type(observer).__name__
        text = "{observer} failed while it watched the server"
        fields = {"observer": name, "failure": Failure()}
        self._throttle.log(f"{name} failed", self._log.failure, text, fields)
