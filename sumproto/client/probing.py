"""Exchanges with a server that may understand any form, and the options for them."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Sequence

from ..commandline import argument, parse_time_limit
from ..core import (
    AUTO,
    DIALECTS,
    PROBE_TIMEOUT,
    Failed,
    Form,
    Message,
    choose_forms,
    escape,
    explain_failure,
    in_range,
    make_forms,
    may_try_next,
    shorten,
)
from .failures import ExchangeFailed
from .stream import SumClientFactory

Attempt = Callable[[SumClientFactory], Awaitable[None]]
"""Does the exchanges of a factory. Raises `ExchangeFailed`."""


def add_options(parser: ArgumentParser) -> None:
    """Have `parser` take the options that say how requests are written."""
    most = len(make_forms("\r\n"))
    parser.add_argument(
        "--dialect",
        choices=(AUTO, *DIALECTS),
        default=AUTO,
        help="how requests are written, such as comma: Client of Ann,42; replies are read in any. "
        "auto asks in one after the other, comma first, each over a connection of its own, until "
        "the server understands. With --udp, or a NUMBER out of range, it is comma alone "
        "[default: auto]",
    )
    parser.add_argument(
        "--probe-timeout",
        metavar="SECONDS",
        type=argument(parse_time_limit),
        default=PROBE_TIMEOUT,
        help="of silence after which auto goes on to the next; as there are "
        f"{most}, it waits {most} times as long at the most [default: {PROBE_TIMEOUT:g}]",
    )
    parser.add_argument(
        "--separator",
        metavar="TEXT",
        help="between name and number, instead of that of the dialect, or of comma if it is auto",
    )
    parser.add_argument(
        "--template",
        metavar="TEXT",
        help="write requests as this, such as '<{name}|{number}>', where \\n, \\r and \\t are a "
        "newline, a CR and a tab; a newline is added, like the one in TEXT if there is one",
    )


def choose(options: Namespace, requests: Sequence[Message]) -> Sequence[Form]:
    """The forms that `options` ask for, to be tried one after the other.

    If a number out of range leaves only one, stderr says so. Raises `ValueError` if the options
    do not go together, or if a server would misread `requests`.
    """
    forms = choose_forms(
        requests, options.newline, options.dialect, options.separator, options.template
    )
    number = requests[0].number
    given = options.dialect != AUTO or options.separator is not None or options.template is not None
    if not in_range(number) and not given:
        name = forms[0].name
        _tell(f"{shorten(str(number))} is out of range, so it is sent in {name} and nothing else")
    return forms


def other_ways(options: Namespace, requests: Sequence[Message]) -> str:
    """What else to try if the server does not understand the one form of `options`; "" if none."""
    if options.template is not None or not in_range(requests[0].number):
        return ""
    return "--dialect auto tries other ways to write it"


async def exchange_probing(
    attempt: Attempt,
    make_factory: Callable[[Form], SumClientFactory],
    forms: Sequence[Form],
    others: str = "",
) -> None:
    """Do the exchanges in the first of `forms` that the server understands.

    Each form is an `attempt` of its own, with the factory of `make_factory`. stderr says what is
    tried and what works. Raises `ExchangeFailed` if no form works, or if an exchange fails after
    one in the same form was done. If the only form may not have been understood, it says what
    `others` there are.
    """
    for tried, form in enumerate(forms, start=1):
        factory = make_factory(form)
        try:
            await attempt(factory)
        except ExchangeFailed as wrong:
            failed = Failed(wrong.cause, str(wrong))
            if factory.exchanged:
                _tell_what_works(form, tried)
                raise
            if not may_try_next(failed, forms[tried:]):
                if len(forms) == 1 and others and may_try_next(failed, forms):
                    raise ExchangeFailed(Failed(failed.cause, f"{failed.text}; {others}")) from None
                if tried == 1:
                    raise
                raise ExchangeFailed(explain_failure(failed, forms[:tried])) from None
            _tell(f"in {form.name}: {failed.text}; now in {forms[tried].name}")
        else:
            _tell_what_works(form, tried)
            return


def _tell_what_works(form: Form, tried: int) -> None:
    if tried > 1:  # else nobody has to know
        _tell(f"it speaks {form.name}; next time: {form.options}")


def _tell(text: str) -> None:
    print(f"sumclient: {escape(text)}", file=sys.stderr, flush=True)
