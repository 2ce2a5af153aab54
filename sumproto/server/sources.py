"""Which datagrams are dropped because of where they come from. Pure."""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, IPv6Network, ip_address

from ..core import Busy, Malformed, Reason

IN_A_ROW = 50
"""If a source sends this many with no `PAUSE`, the last one is dropped."""

PAUSE = 10.0
"""Seconds without a datagram that are a pause: far more than any round trip takes."""

REMEMBERED = 10_000
"""How many sources are remembered, those heard last."""

_RESERVED = 1024
"""Lower ports are those of services, which may answer what they get."""

_COMPATIBLE = IPv6Network("::/96")
"""An obsolete way to write IPv4 addresses; ::1 is in it, too."""


class Sources:
    """The addresses and ports that datagrams come from.

    A reply reads like a request. So a single datagram that lies about its source may set two
    servers on each other: from then on, one datagram goes back and forth between them. It comes to
    each once in a round trip, without a pause. To drop it once ends the loop.
    """

    def __init__(self) -> None:
        # How many datagrams in a row, and when the last of them came. A plain dict would search
        # for its first item past all that were deleted before it.
        self._heard: OrderedDict[tuple[str, int], tuple[int, float]] = OrderedDict()

    def check(self, source: tuple[str, int], now: float) -> None:
        """Raise `MessageError` if a datagram from `source` is to be dropped.

        `source` is an IP address and a port; `now` is the time in seconds, from any start.
        """
        count, last = self._heard.pop(source, (0, now))
        if not count:
            _check_address(*source)
        count = 1 if now - last >= PAUSE else count + 1
        if count == IN_A_ROW:
            raise Busy(f"it is number {IN_A_ROW} from its port, which may be that of a server")
        self._heard[source] = (count, now)
        if len(self._heard) > REMEMBERED:
            self._heard.popitem(last=False)


def _check_address(host: str, port: int) -> None:
    """Raise `Malformed` if a datagram from `host` and `port` must not be answered.

    Linux hands on an IPv6 datagram from the network even if its source is ``::ffff:127.0.0.1``.
    Taken for 127.0.0.1, it would stop the server. (Linux drops one from ::1 or 127.0.0.1 itself.)
    """
    if port < _RESERVED:
        raise Malformed("it comes from the port of a service", Reason.SOURCE)
    address = ip_address(host)
    if address.is_multicast or address.is_unspecified:
        raise Malformed("its source is the address of no host", Reason.SOURCE)
    if isinstance(address, IPv6Address) and (
        address.ipv4_mapped or (address in _COMPATIBLE and not address.is_loopback)
    ):
        raise Malformed("its source is an IPv4 address in an IPv6 datagram", Reason.SOURCE)
