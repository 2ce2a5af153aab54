"""Which process has a port or a number, as far as /proc tells: on Linux, of processes of ours."""

from __future__ import annotations

import re
import socket
import sys
from contextlib import suppress
from pathlib import Path

from .core import escape

_PROC = Path("/proc")

_LISTENS = "0A"
"""The state of a TCP socket in /proc/net/tcp."""


def holder(transport: str, host: str, port: int) -> int | None:
    """The process that listens by `transport`, ``tcp`` or ``udp``, where we cannot.

    That is at `port` of `host`, an IP address, or "" for all addresses. Of several processes it is
    the one with the lowest number. None if /proc does not tell.
    """
    of_host = socket.AF_INET6 if ":" in host else socket.AF_INET
    for family in sorted((socket.AF_INET, socket.AF_INET6), key=lambda one: one != of_host):
        with suppress(OSError):
            if processes := _with_sockets(_sockets(transport, family, host, port)):
                return min(processes)
    return None


def _sockets(transport: str, family: int, host: str, port: int) -> set[str]:
    """The inodes of the sockets of `family` that listen at `port`, and at `host` among others."""
    everywhere = host in ("", "0.0.0.0", "::")
    wanted = {_in_hex(family, text) for text in (host, "0.0.0.0", "::")}
    found = set()
    table = f"{transport}6" if family == socket.AF_INET6 else transport
    for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
        _, local, _, state, _, _, _, _, _, inode, *_ = line.split()
        address, _, number = local.rpartition(":")
        listens = transport == "udp" or state == _LISTENS
        if listens and int(number, 16) == port and (everywhere or address in wanted):
            found.add(inode)
    return found


def _in_hex(family: int, host: str) -> str | None:
    """`host` as /proc/net has it, in words of the byte order of this machine."""
    try:
        packed = socket.inet_pton(family, host)
    except OSError:
        return None  # of the other family
    words = [packed[i : i + 4] for i in range(0, len(packed), 4)]
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)


def _with_sockets(inodes: set[str]) -> list[int]:
    """The processes that have one of the sockets `inodes` open, of those that we may look at."""
    links = {f"socket:[{inode}]" for inode in inodes}
    found = []
    for folder in _PROC.glob("[0-9]*"):
        with suppress(OSError):
            for descriptor in (folder / "fd").iterdir():
                with suppress(OSError):
                    if str(descriptor.readlink()) in links:
                        found.append(int(folder.name))
                        break
    return found


def in_words(pid: int) -> str:
    """ "process" with its number, and its name if /proc tells."""
    with suppress(OSError):
        return f"process {pid} ({escape((_PROC / str(pid) / 'comm').read_text().strip())})"
    return f"process {pid}"


def may_be_twistd(pid: int) -> bool:
    """Whether process `pid` was started as a twistd; yes if /proc does not tell."""
    try:
        return b"twistd" in (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return True


def own_addresses(family: int) -> list[str]:
    """The addresses of this host that others may reach, of `family`, AF_INET or AF_INET6.

    Those that only a link has are left out. Empty if /proc does not tell.
    """
    with suppress(OSError):
        if family == socket.AF_INET:
            trie = (_PROC / "net/fib_trie").read_text()
            found = re.findall(r"\|-- ([\d.]+)\n +/32 host LOCAL$", trie, re.M)
            return [address for address in dict.fromkeys(found) if not address.startswith("127.")]
        lines = map(str.split, (_PROC / "net/if_inet6").read_text().splitlines())
        return [
            socket.inet_ntop(family, bytes.fromhex(address))
            for address, _, _, scope, *_ in lines
            if scope == "00"
        ]
    return []
