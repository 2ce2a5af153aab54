"""What signals do to the process of a server."""

from __future__ import annotations

import atexit
import signal
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from .twisted_gaps import handle_stop_signals

_TAKEN = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)

_SAME = 0.1
"""Seconds within which a second signal counts as the first: the ``timeout`` command sends two."""


class Signals:
    """Handles the signals of a server.

    - SIGTERM and SIGINT call `stop` with the name of the signal; a second one calls `hurry`.
    - SIGHUP calls `reopen`, by which a daemon opens its files anew; it raises `OSError` if that
      cannot be done. Without `reopen`, in the foreground, SIGHUP calls `stop`: the terminal is
      closed.
    - SIGUSR1 calls `rotate`, which rotates the log file and raises `OSError` as well. It is None if
      there is no log file.

    A signal that is ignored from the start, as under nohup, or that has a handler, stays as it is.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        *,
        stop: Callable[[str], object],
        hurry: Callable[[], object],
        reopen: Callable[[], object] | None,
        rotate: Callable[[], object] | None,
    ) -> None:
        self._reactor = reactor
        self._stop = stop
        self._hurry = hurry
        self._reopen = reopen
        self._rotate = rotate
        self._stopped: float | None = None  # when the first signal to stop came
        self._hurried = False

    def take(self) -> None:
        """Handle them from now on. It may be called again."""
        handle_stop_signals(self._reactor, self._received)
        for number in _TAKEN:
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, self._received)
        atexit.register(self._ignore)

    def _ignore(self) -> None:
        """At its end, Python would let a third signal kill the process after all."""
        for number in _TAKEN:
            if signal.getsignal(number) == self._received:
                signal.signal(number, signal.SIG_IGN)

    def _received(self, number: int, frame: object = None) -> None:
        self._reactor.callFromThread(self._handle, signal.Signals(number))

    def _handle(self, received: signal.Signals) -> None:
        if received == signal.SIGUSR1:
            if self._rotate:
                self._try("The log is rotated by {signal}", received, self._rotate)
            else:
                self._log.info("{signal} is ignored: no log file to rotate", signal=received.name)
        elif received == signal.SIGHUP and self._reopen:
            self._try("Log and journal are reopened by {signal}", received, self._reopen)
        elif self._stopped is None:
            self._stopped = self._reactor.seconds()
            self._stop(received.name)
        elif received != signal.SIGHUP and not self._hurried:
            # A closed terminal often means two SIGHUP: from the kernel, and from the shell.
            self._hurried = self._reactor.seconds() - self._stopped >= _SAME
            if self._hurried:
                self._log.info("A second signal, {signal}, ends the drain", signal=received.name)
                self._hurry()

    def _try(self, done: str, received: signal.Signals, do: Callable[[], object]) -> None:
        try:
            do()
        except OSError as wrong:
            self._log.error(
                "{signal}: cannot open the log: {why}",
                signal=received.name,
                why=wrong.strerror or str(wrong),
            )
        else:
            self._log.info(done, signal=received.name)
