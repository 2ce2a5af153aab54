"""The rule of the exchange: how a request is answered, and which one stops the server. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from random import randint
from string import Formatter
from typing import NamedTuple

from .dialects import Dialect, Text
from .message import (
    HIGHEST,
    LOWEST,
    MAX_MESSAGE,
    MAX_NAME,
    Malformed,
    Message,
    MessageError,
    OutOfRange,
    Reason,
    TooLong,
    escape,
    in_range,
    shorten,
)

Network = IPv4Network | IPv6Network


class Exchange(NamedTuple):
    """One request and its reply."""

    request: Message
    reply: Message

    @property
    def sum(self) -> int:
        """The two numbers added."""
        return self.request.number + self.reply.number


def random_number() -> int:
    """An integer from `LOWEST` to `HIGHEST`."""
    return randint(LOWEST, HIGHEST)


def check_range(number: int) -> int:
    """`number`, if it is `in_range`. Raises `OutOfRange` otherwise."""
    if in_range(number):
        return number
    raise OutOfRange(f"{shorten(str(number))} is out of range")


class ReplyFormat:
    """What a reply in text says in place of its name and number.

    `format_` is a format string, as for `str.format`, of plain `FIELDS`. Raises `ValueError` for
    any other.
    """

    FIELDS = ("name", "number", "sum", "separator", "client_name", "client_number")

    def __init__(self, format_: str) -> None:
        for literal, field, spec, conversion in Formatter().parse(format_):
            if not literal.isprintable():
                raise ValueError(f"'{escape(literal)}' has characters that do not print")
            if field is not None and (field not in self.FIELDS or spec or conversion):
                fields = " ".join(f"{{{name}}}" for name in self.FIELDS)
                raise ValueError(f"a field is not one of {fields}")
        if not format_:
            raise ValueError("there is nothing in it")
        self._format = format_
        longest = Message("x" * MAX_NAME, HIGHEST)
        if len(self.fill(Exchange(longest, longest), " ").encode()) > MAX_MESSAGE:
            raise ValueError(f"replies could be longer than {MAX_MESSAGE} bytes")

    def fill(self, exchange: Exchange, separator: str) -> str:
        """The text of the reply of `exchange`, where the request had `separator`."""
        return self._format.format(
            name=exchange.reply.name,
            number=exchange.reply.number,
            sum=exchange.sum,
            separator=separator,
            client_name=exchange.request.name,
            client_number=exchange.request.number,
        )


class Rule:
    """The server's side of an exchange: its name, how it picks its number, how it replies."""

    def __init__(
        self,
        name: str,
        pick: Callable[[], int] = random_number,
        reply_format: ReplyFormat | None = None,
    ) -> None:
        self.name = name
        self.pick = pick
        self.reply_format = reply_format

    def answer(self, request: Message) -> Exchange:
        """The exchange that `request` makes. Raises `OutOfRange` if its number is."""
        check_range(request.number)
        return Exchange(request, Message(self.name, self.pick()))

    def encode(self, exchange: Exchange, dialect: Dialect) -> bytes:
        """The bytes of the reply of `exchange` to a peer that speaks `dialect`.

        Raises `TooLong` if it mirrors so many blanks or long keys that no client would read it.
        """
        if self.reply_format and isinstance(dialect, Text) and dialect.separator is not None:
            text = self.reply_format.fill(exchange, dialect.separator)
            if len(text) > MAX_MESSAGE:  # a text record could not even say how long it is
                raise _reply_too_long()
            reply = dialect.encode_text(text)
        else:
            reply = dialect.encode(exchange.reply)
        if len(reply) > MAX_MESSAGE:
            raise _reply_too_long()
        return reply


def _reply_too_long() -> TooLong:
    return TooLong(f"the reply would be longer than {MAX_MESSAGE} bytes", Reason.LONG_REPLY)


LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
ANYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))

_MAPPED = IPv6Network("::ffff:0:0/96")

STOP_ON: dict[str, tuple[type[MessageError], ...]] = {
    "out-of-range": (OutOfRange,),
    "invalid": (OutOfRange, Malformed, TooLong),
    "never": (),
}
"""The values of ``--stop-on``, each with the errors that ask for a stop."""


@dataclass(frozen=True)
class StopPolicy:
    """Which errors stop the server, and from which networks."""

    errors: tuple[type[MessageError], ...] = STOP_ON["out-of-range"]
    networks: Sequence[Network] = LOOPBACK

    def __str__(self) -> str:
        """Who can stop the server, and how."""
        if not self.errors:
            return "no message stops it"
        how = "an invalid message" if Malformed in self.errors else "a number out of range"
        return f"{how} from {', '.join(map(str, self.networks))} stops it"

    def asks(self, error: MessageError) -> bool:
        """Whether a message that makes this `error` asks the server to stop."""
        return isinstance(error, self.errors)

    def permits(self, host: str | None) -> bool:
        """Whether `host`, an IP address, or None for a UNIX socket, may stop the server.

        A UNIX socket counts as 127.0.0.1, and an IPv4 address mapped into IPv6 as itself.
        """
        try:
            address = ip_address(host or "127.0.0.1")
        except ValueError:  # a PROXY header may say anything
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self.networks)


def parse_networks(text: str) -> tuple[Network, ...]:
    """The networks of ``--stop-from``: ``loopback``, ``any``, or a list with commas.

    Raises `ValueError` for anything else.
    """
    if text == "loopback":
        return LOOPBACK
    if text == "any":
        return ANYWHERE
    return tuple(_unmap(ip_network(part.strip())) for part in text.split(","))


def _unmap(network: Network) -> Network:
    """`network`; for IPv4 addresses mapped into IPv6, their IPv4 network."""
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        first = network.network_address.ipv4_mapped
        return ip_network(f"{first}/{network.prefixlen - _MAPPED.prefixlen}")
    return network
