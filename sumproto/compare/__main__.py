"""The program: what to compare, its progress, and where the results go."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import product
from pathlib import Path

from ..commandline import Parser, argument, integer_in, parse_amount, silence_stdout
from ..core import escape
from ..unix import resource
from .load import WAYS
from .result import Result, Setup

_EXTRA = "pip install '.[compare]'"

_MOST_DELAY = 5000
"""Milliseconds; at a round trip of thrice that, no exchange is done in time."""

_SPARE_DESCRIPTORS = 100
"""File descriptors that either side needs beside those of its connections."""


class NoResult(Exception):
    """A run failed; the text is why."""


def _parser() -> Parser:
    parser = Parser(
        prog="python -m sumproto.compare",
        description="Exchange sums over TCP and UDP with a server of its own, and compare them.",
        epilog="With --delay or --loss, both sides are in network namespaces, joined by a link "
        "that has them; that takes Linux, and user namespaces or root. Otherwise the loopback "
        "device is used.",
    )
    parser.add_argument(
        "--exchanges",
        metavar="N",
        type=argument(integer_in(1, 1_000_000)),
        default=1000,
        help="in each run [default: %(default)s]",
    )
    parser.add_argument(
        "--concurrency",
        metavar="C",
        type=argument(_concurrency),
        default=10,
        help="exchanges at a time [default: %(default)s]",
    )
    parser.add_argument(
        "--delay",
        metavar="MS",
        type=argument(_delay),
        help="milliseconds that a packet takes each way [default with --loss: 0]",
    )
    parser.add_argument(
        "--loss",
        metavar="PERCENT[,PERCENT...]",
        type=argument(_losses),
        help="of the packets each way; a run for each [default with --delay: 0]",
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=argument(integer_in(0, 2**32)),
        default=1,
        help="which packets are lost: the same ones for the same seed [default: %(default)s]",
    )
    parser.add_argument(
        "--no-resend", action="store_true", help="add runs over UDP with no resends"
    )
    parser.add_argument(
        "--plot", metavar="FILE", type=argument(_picture), help="draw them into a .png or .svg"
    )
    parser.add_argument("--json", metavar="FILE", type=argument(_file), help="write all latencies")
    return parser


def _delay(text: str) -> float:
    milliseconds = parse_amount(text, "milliseconds")
    if milliseconds > _MOST_DELAY:
        raise ValueError(f"with more than {_MOST_DELAY} ms most exchanges would fail")
    return milliseconds / 1000


def _losses(text: str) -> list[float]:
    return sorted({_loss(part) for part in text.split(",")})


def _loss(text: str) -> float:
    percent = parse_amount(text, "percent")
    if percent >= 100:
        raise ValueError("with all packets lost there is nothing to compare")
    return percent / 100


def _concurrency(text: str) -> int:
    number = integer_in(1, 1000)(text)
    _, room = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= room < number + _SPARE_DESCRIPTORS:
        raise ValueError(f"{number} are more than 'ulimit -Hn' has room for")
    return number


def _file(text: str) -> Path:
    """A file that can be written: better known before the runs than after."""
    path = Path(text)
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ValueError(f"'{escape(text)}' cannot be written")
    return path


def _picture(text: str) -> Path:
    if Path(text).suffix not in (".png", ".svg"):
        raise ValueError(f"'{escape(text)}' ends neither in .png nor in .svg")
    return _file(text)


def _setups(options: argparse.Namespace) -> list[Setup]:
    ways = [way for way in WAYS if way != "udp-no-resend" or options.no_resend]
    on_loopback = options.delay is None and options.loss is None
    delay = None if on_loopback else options.delay or 0.0
    losses = [None] if on_loopback else options.loss or [0.0]
    return [
        Setup(way, options.exchanges, options.concurrency, delay, loss, options.seed)
        for loss, way in product(losses, ways)
    ]


def measure(setup: Setup, progress: Callable[[int], object]) -> Result:
    """Do the run, and tell `progress` how many exchanges have ended. Raises `NoResult`."""
    # In a session of its own, it does not get our Ctrl-C; we end it when we end.
    arguments = (json.dumps(asdict(setup)), str(os.getpid()))
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "sumproto.compare.bench", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        ) as bench,
    ):
        try:
            result = _follow(bench, setup, progress)
        except BaseException:
            bench.kill()
            raise
        if result is None:
            errors.seek(0)
            raise NoResult(f"a run ended: {errors.read().strip().rpartition(chr(10))[2]}")
        return result


def _follow(
    bench: subprocess.Popen[str], setup: Setup, progress: Callable[[int], object]
) -> Result | None:
    """What a run says until it ends, if it comes to a result."""
    assert bench.stdout is not None
    result = None
    for line in bench.stdout:
        value = json.loads(line)
        if isinstance(value, int):
            progress(value)
        elif isinstance(value, str):
            raise NoResult(value)
        else:
            result = Result(setup, **value)
    return result


def _write(
    options: argparse.Namespace, results: list[Result], plot: Callable[..., None]
) -> Iterator[str]:
    """Write the files; yields why one cannot be written."""
    if options.json:
        try:
            options.json.write_text(json.dumps([asdict(result) for result in results]))
        except OSError as wrong:
            yield f"{options.json}: {wrong.strerror}"
    if options.plot:
        try:
            plot(results, options.plot)
        except OSError as wrong:
            yield f"{options.plot}: {wrong.strerror}"


def main() -> None:
    """What ``python -m sumproto.compare`` runs."""
    parser = _parser()
    options = parser.parse_args()
    try:
        from .plot import plot
        from .show import Screen
    except ImportError as missing:
        parser.exit(1, f"{parser.prog}: {missing.name} is not installed: {_EXTRA}\n")

    results: list[Result] = []
    complaints = []
    status = 1
    screen = Screen()
    try:
        for setup in _setups(options):
            with screen.progress(setup) as progress:
                results.append(measure(setup, progress))
    except NoResult as wrong:
        complaints.append(str(wrong))
    except KeyboardInterrupt:
        complaints.append("interrupted")
        status = 130
    if results:
        complaints += _write(options, results, plot)
        try:
            screen.show(results)
        except OSError as wrong:
            silence_stdout()
            complaints.append(f"cannot print: {wrong.strerror}")
    if complaints:
        parser.exit(status, "".join(f"{parser.prog}: {why}\n" for why in complaints))


if __name__ == "__main__":
    main()
