"""Probing: how a client finds the form that a server understands. Pure.

A server that does not understand a request answers with an error, ends the connection or says
nothing. Then it is asked in the next form, over a new connection: a second form on the same one
would be read with the first, and some servers end by that.
"""

from __future__ import annotations

from collections.abc import Sequence

from .forms import Form
from .replies import Cause, Failed

PROBE_TIMEOUT = 1.0
"""Seconds of silence, by default, after which a server is asked in the next form."""

_NOT_UNDERSTOOD = frozenset(
    [
        Cause.CLOSED,
        Cause.CUT_OFF,
        Cause.ERROR_REPLY,
        Cause.LOST,
        Cause.MALFORMED,
        Cause.TIMEOUT,
    ]
)
"""The failures of a request that the server may not have understood."""


def may_try_next(failed: Failed, left: Sequence[Form]) -> bool:
    """Whether to ask in the first form that is `left`, after another one has `failed`."""
    return bool(left) and failed.cause in _NOT_UNDERSTOOD


def explain_failure(failed: Failed, tried: Sequence[Form]) -> Failed:
    """The failure of a client that has `tried` these, the last of which has `failed`."""
    *before, last = tried
    if not before:
        return failed
    if failed.cause is Cause.NO_CONNECTION:
        text = (
            f"{failed.text}; the server ended after it was asked in {before[-1].name}, "
            f"perhaps with a word on why; start it again, and try {last.options} or --template"
        )
    elif failed.cause in _NOT_UNDERSTOOD:
        text = (
            f"it speaks none of the {len(tried)} forms that were tried; in {last.name}: "
            f"{failed.text}; --template can write others, and --probe-timeout waits longer"
        )
    else:
        text = f"in {last.name}: {failed.text}"
    return Failed(failed.cause, text)
