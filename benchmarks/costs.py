"""What the worst input costs: CPU time per byte, as a multiple of what plain lines cost.

    python benchmarks/costs.py [--examples N] [--seed N]

Inputs are the worst that are known, and what Hypothesis finds when it is told to look for more.
Each is read by the decoder of the server, with the reply or the error that it is answered, and by
that of the client, in several ways to cut it into segments. Beside it, and cut the same way, as
many bytes of plain lines are read, rounded up to whole lines: so an error of a few bytes may cost
as much as 10 messages. Each plain line is from another client, and no reader remembers a thing from
an input before: a cache would hide what an input costs the first time. The exit status is 1 if
anything costs more than that.
"""

from __future__ import annotations

import functools
import gc
import random
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from itertools import cycle, product
from time import thread_time
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings, target
from hypothesis import strategies as st

from sumproto.core.dialects import Decoder, Received, ReplyDecoder, without_sum
from sumproto.core.exchange import Rule
from sumproto.core.message import MessageError

ALLOWED = 10.0
"""What a byte may cost, as a multiple of one of a plain line."""

_SYLLABLES = product(b"BDFGKLMNPRST", b"aeiou", b"bdfgklmnprst")
NAMES = [bytes(letters) for letters in _SYLLABLES]
"""Names of as many letters."""

PLAIN = b"Client of %s,42\n"
PLAIN_UNTERMINATED = b"Client of %s,4"  # one digit: a message, if silence follows each byte

OWN = 42
"""The number in the request of a client that reads replies."""

LONGEST = 9000
"""Bytes of an input: more than any message has."""

SHOWN = 5
"""Inputs that are shown of each reader and way, the worst first."""

KNOWN = [
    b"ABC " * 60 + b"$x,42\n",
    *(
        b"".join(line % name for name in NAMES)
        for line in (b"'%s':1\n", b'"%s"=1\n', b"1:%s\n", b"%s->1\n", b"%s,+1\n", b"%s\n1\n")
    ),
    b"0" * 1000 + b"x\n",
    b"0" * 1000 + b",x",
    b"Ann\n" + b"0" * 1000 + b"x\n",
    b"Ann\n" + b"0" * 8000,
    b"Ann," + b"9" * 8180 + b"\n",
    b"Ann," + b"9" * 4200 + b"\n",
    b"x" * 255 + b"\n" + b"9" * 8000,
    b"A," * 500 + b"\n",
    b"A " * 127 + b"\n" + b" " * 700,
    b"9" + b" " * 1000 + b"\n",
    b"9 HTTP/" * 140 + b"\n",
    b"ERROR x: " + b"." * 1000 + b"\n",
    b"ERROR x: " + "\x85".encode() * 500 + b".\n",
    b"100\n" * 2,
    b"9" * 1024,
    b'{"a":"' + b"}" * 1010,
    b'{"a":"' + b"\\" * 1010,
    b'{"' + b'\\"' * 510,
    b"{" + b'"":"",' * 170 + b"}",
    b"{" + b'"":0,' * 200 + b"}",
    b'{"id":' * 170 + b"}",
    b'{"a":' + b"0" * 1000 + b"x}",
    b'{"a":"' + b"\\u0001" * 160 + b'","b":1}',
    b'{"error":"' + b"\\u0001" * 160 + b'"}',
    b"A,1\n" * 2000,
    b"1 A\n" * 2000,
    b"A\n1\n" * 2000,
    b"A\n1" * 3000,
    b'{"":"A","b":1}' * 600,
    b"\0\3A,1" * 1600,
    b"{}",
    b"\n",
    b"\0\1A\0\0\0\1",
    b"\3\xf8" + "\x85".encode() * 508 + b"\0\0\0\1",
    b"\3\xf8" + b"0" * 1014 + b",x",
    b"\0\x28" + b"\x01" * 40,
    b"a:" * 500 + b"\n",
    b"name:" * 200 + b"1\n",
    b"your " * 200 + b"number: 1\n",
    b"client's " * 110 + b": A, number: 1\n",
    b"(" * 1000 + b"A,1\n",
    b"(" * 400 + b"A" + b")" * 400 + b",1\n",
    b"<" * 500 + b"A" + b">" * 500 + b",1\n",
    b"<name>" * 160 + b"1\n",
    b"'A'" * 300 + b",1\n",
    b"('" + b"\\'" * 500,
    b"%" * 1000 + b",1\n",
    b"-" * 1000 + b"1\n",
    b"[[" * 500,
    b'{"a":' * 200,
    b"{'a':'A','b':1}" * 500,
    b'["A",1]' * 800,
    b"('A', 1)\n" * 800,
    b"name=A&number=1\n" * 500,
    b"<name>A</name><no>1</no>\n" * 300,
    b"\0" * 5000,
    b"A" + b"\0" * 1000 + b"1",
    b"A,1\0" * 2000,
    (b"A".ljust(50, b"\0") + b"\1\0\0\0") * 100,
    b"1" * 60 + b" " * 900,
    b"900:" + b"x" * 890,
    b"3:A,1," * 1000,
    b"0003A,1" * 1000,
    b"\0\0\0\3A,1" * 1000,
    b"\3\0A,1" * 1000,
    b"\0\1A\0\0011" * 1000,
    b"\xff\xfe" + b"A\0" * 500,
    b"\xff\xfe" + b"A\0,\0001\0\n\0" * 500,
    b"\xff\xfa" + b"x" * 1000,
    b"\xff\xfb\x1f" * 1000,
    b"\xef\xbb\xbf" * 1000,
    b"\n" * 5000,
    b"\r" * 5000,
    b" \n" * 2500,
    b"A,1\r" * 1500,
    b"A,1\r\0" * 1500,
    b"1\nAnn\n" * 1000,
    b"EHLO a.b\r\n" + b"x" * 1000,
]
"""The worst inputs that are known."""

ATOMS = [
    *(b"%c" % byte for byte in b'09+-., \t;:|"\\{}[]Ax_/\r\n\0\1\2\3\x7f\xff'),
    *("é".encode(), "李".encode(), "\x85".encode(), "\u202e".encode(), "٤".encode()),
    *(b"\r\n", b"\r\r", b'\\"', b"\\\\", b"\\u0041", b"\\ud800", b'"id":', b'"":0,', b'"":"",'),
    *(b'"a":"', b'"b":1', b'"error":"', b"ERROR x: ", b"X HTTP/1.1", b"-5", b"1e2"),
    *(
        b"\xff\xfe",
        b"\xff\xfb\x01",
        b"\xff\xfa",
        b"\xef\xbb\xbf",
        b"<",
        b">",
        b"(",
        b")",
        b"'",
        b"=",
    ),
    *(b"name=", b"number: ", b"<name>", b"3:A,1,", b"A,1\0", b"\0\0\0\3A,1", b"('A',1)\n"),
    *(b"A,1\n", b"1 A\n", b"A\n1\n", b"Ann\n", b"Ann,", b'{"":"A","b":1}', b"\0\1A\0\0\0\1"),
]
"""What inputs are made of: all that means something in a dialect, and some that does not."""

COUNTS = st.sampled_from([1, 1, 1, 2, 3, 40, 255, 1024, 8192]) | st.integers(1, 1100)
INPUTS = st.lists(
    st.builds(lambda atom, count: atom * count, st.sampled_from(ATOMS), COUNTS), min_size=1
).map(lambda parts: b"".join(parts)[:LONGEST])

Cut = Callable[[bytes], Sequence[bytes]]
Read = Callable[[Sequence[bytes], bool], int]


# How an input is read


def read_all(
    decoder: Decoder, segments: Sequence[bytes], silent: bool, use: Callable[[Received], object]
) -> tuple[int, MessageError | None]:
    """Feed `segments` to `decoder`, and `use` each message that is in them.

    If `silent`, each is followed by the silence that may end a message. Returns how many bytes were
    read until an error or the end, and that error.
    """
    read = 0
    try:
        for segment in segments:
            read += len(segment)
            decoder.feed(segment)
            while received := decoder.take() or (decoder.finish() if silent else None):
                if isinstance(received, Received):
                    use(received)
        if last := decoder.finish():
            use(last)
    except MessageError as error:
        return read, error
    return read, None


def serve(segments: Sequence[bytes], silent: bool) -> int:
    """Do what a server does with `segments` on a connection of their own; returns bytes read."""
    rule = Rule("Server of Bob", lambda: 58)
    decoder = Decoder()

    def answer(received: Received) -> None:
        rule.encode(rule.answer(received.message), received.dialect)

    read, error = read_all(decoder, segments, silent, answer)
    if error:
        decoder.dialect.encode_error(error)
    return read


def ask(segments: Sequence[bytes], silent: bool) -> int:
    """Do what a client does with `segments`, replies of a server; returns bytes read."""

    def take(received: Received) -> None:
        without_sum(received, OWN)

    read, error = read_all(ReplyDecoder(), segments, silent, take)
    if error:
        str(error)
    return read


def at_once(data: bytes) -> list[bytes]:
    return [data]


def bytewise(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def at_random(data: bytes) -> list[bytes]:
    """`data` in segments of 1 to 64 bytes, the same ones each time."""
    choose = random.Random(len(data))
    segments = []
    while data:
        size = choose.randint(1, 64)
        segments.append(data[:size])
        data = data[size:]
    return segments


READERS: dict[str, Read] = {"server": serve, "client": ask}
WAYS: dict[str, tuple[Cut, bool]] = {
    "at once": (at_once, False),
    "cut at random": (at_random, False),
    "byte by byte": (bytewise, False),
    "byte by byte, with silence": (bytewise, True),
}
"""How an input comes, and whether with silence behind each segment."""


# What that costs


CACHES = [
    found
    for found in gc.get_objects()
    if isinstance(found, functools._lru_cache_wrapper) and found.__module__.startswith("sumproto.")
]
"""All that the readers remember."""


def seconds(read: Read, segments: Sequence[bytes], silent: bool) -> float:
    """The CPU time of one `read`, the first of these `segments`."""
    for cache in CACHES:
        cache.cache_clear()
    begin = thread_time()
    read(segments, silent)
    return thread_time() - begin


def plain(size: int, line: bytes) -> bytes:
    """At least `size` bytes of `line`, each from another name."""
    count = -(-size // (len(line) - len(b"%s") + len(NAMES[0])))
    return b"".join(line % name for name, _ in zip(cycle(NAMES), range(count), strict=False))


def ratio(read: Read, way: str, data: bytes, rounds: int) -> float:
    """What `data` costs, as a multiple of as many plain bytes; the least of as many `rounds`."""
    cut, silent = WAYS[way]
    segments = cut(data)
    lines = cut(plain(read(segments, silent), PLAIN_UNTERMINATED if silent else PLAIN))
    turns = [(seconds(read, segments, silent), seconds(read, lines, silent)) for _ in range(rounds)]
    return min(ours for ours, _ in turns) / min(theirs for _, theirs in turns)


class Finding(NamedTuple):
    """What an input costs."""

    ratio: float
    data: bytes


def hunt(read: Read, way: str, examples: int, chance: int) -> list[Finding]:
    """The worst inputs, of those that are `KNOWN` and of as many `examples`, the worst first."""
    found: dict[bytes, float] = {data: ratio(read, way, data, 3) for data in KNOWN}

    @seed(chance)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.target],
        suppress_health_check=list(HealthCheck),
    )
    @given(INPUTS)
    def search(data: bytes) -> None:
        found[data] = ratio(read, way, data, 3)
        target(found[data])

    search()
    worst = sorted(found, key=lambda data: -found[data])[: 3 * SHOWN]
    # A measurement that something has disturbed must not decide.
    sure = [Finding(ratio(read, way, data, 15), data) for data in worst]
    return sorted(sure, reverse=True)[:SHOWN]


def cut_short(data: bytes) -> str:
    text = repr(data)[1:]
    return text if len(text) <= 50 else f"{text[:35]}...{text[-12:]} ({len(data)} bytes)"


def main() -> int:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--examples", type=int, default=200, help="of each reader and way")
    parser.add_argument("--seed", type=int, default=0, help="of what is tried at random")
    options = parser.parse_args()
    worst = 0.0
    for reader, read in READERS.items():
        for way in WAYS:
            print(f"{reader}, {way}: times the cost of plain lines")
            for finding in hunt(read, way, options.examples, options.seed):
                print(f"  {finding.ratio:5.1f}  {cut_short(finding.data)}", flush=True)
                worst = max(worst, finding.ratio)
    print(f"the worst: {worst:.1f} times; {ALLOWED:g} are allowed")
    return worst > ALLOWED


if __name__ == "__main__":
    sys.exit(main())
