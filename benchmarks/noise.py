"""How much noise reads as a message: random bytes and characters that nobody meant as one.

    python benchmarks/noise.py [--messages N] [--seed N]

Each kind of noise has as many messages, of 1 to 200 bytes, each on a connection of its own that is
silent behind it. The exit status is 1 if more than one in 10,000 reads as a message, or if any
does whose number is out of range: that would stop a server.
"""

from __future__ import annotations

import random
import string
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from typing import NamedTuple

from sumproto.core import Decoder, Message, MessageError, Newline

ALLOWED = 1 / 10_000
LONGEST = 200
SHOWN = 5

_ASCII = string.printable[:95]
_PLAIN = f"{string.ascii_letters}{string.digits} "

Noise = Callable[[random.Random, int], bytes]

KINDS: dict[str, Noise] = {
    "bytes": lambda source, size: source.randbytes(size),
    "printable ASCII": lambda source, size: "".join(source.choices(_ASCII, k=size)).encode(),
    "string.printable": lambda source, size: "".join(
        source.choices(string.printable, k=size)
    ).encode(),
    "letters, digits, blanks": lambda source, size: "".join(
        source.choices(_PLAIN, k=size)
    ).encode(),
}


class Misread(NamedTuple):
    """Noise, and the message that it was read as."""

    noise: bytes
    message: Message


def read(noise: bytes) -> Message | None:
    """The first message that a server reads in `noise`, if it reads any."""
    decoder = Decoder()
    decoder.feed(noise)
    try:
        received = decoder.take() or decoder.finish()
    except MessageError:
        return None
    return received.message if received and not isinstance(received, Newline) else None


def misread(noise: Noise, messages: int, seed: int) -> list[Misread]:
    """What is read in as many random messages."""
    source = random.Random(seed)
    found = []
    for _ in range(messages):
        data = noise(source, source.randint(1, LONGEST))
        if message := read(data):
            found.append(Misread(data, message))
    return found


def main() -> int:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=250_000, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    total = stopping = 0
    for kind, noise in KINDS.items():
        found = misread(noise, options.messages, options.seed)
        out_of_range = [one for one in found if not 1 <= one.message.number <= 100]
        total += len(found)
        stopping += len(out_of_range)
        print(
            f"{kind}: {len(found)} of {options.messages} are read, {len(out_of_range)} would stop"
        )
        for one in (out_of_range + found)[:SHOWN]:
            print(f"    {one.noise[:60]!r}: {tuple(one.message)}")
    share = total / (len(KINDS) * options.messages)
    print(f"{share * 10_000:.2f} in 10,000; {ALLOWED * 10_000:g} is allowed")
    return share > ALLOWED or stopping > 0


if __name__ == "__main__":
    sys.exit(main())
