"""A server on a host of its own, and forged datagrams that come to it from the network.

Run in its folder, it prints what came of them, as JSON. The network is a TUN device: what this
program writes into it, the kernel takes for what came by a wire.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import socket
import struct
import sys
from ipaddress import ip_address
from pathlib import Path

from support import PATIENCE, running_server

from sumproto.compare.network import FAR, NoNetwork, enter_namespaces, open_device

HERE = "fd00::2"
PEER = "fd00::1"

FORGED = ("::ffff:127.0.0.1", "::ffff:192.0.2.1", "::127.0.0.1", "::", "::1", "127.0.0.1")

BOB = ("--name", "Bob", "--number", "58")

# From linux/sockios.h and if.h.
_SIOCSIFADDR = 0x8916
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1


def enter_host() -> int:
    """Become a host with `FAR`, `HERE` and a loopback device; returns its wire."""
    enter_namespaces()
    wire = open_device(FAR)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        device = socket.if_nametoindex("tun0")
        fcntl.ioctl(sock, _SIOCSIFADDR, struct.pack("16sIi", ip_address(HERE).packed, 64, device))
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", _IFF_UP))
    return wire


def checksum(data: bytes) -> int:
    """The Internet checksum of `data`."""
    words = struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2))
    total: int = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet(source: str, source_port: int, port: int, data: bytes) -> bytes:
    """An IP packet for this host with a datagram that says it is from `source`."""
    from_, to = ip_address(source), ip_address(HERE if ":" in source else FAR)
    length = 8 + len(data)
    pseudo = from_.packed + to.packed + struct.pack("!HxBH", 0, socket.IPPROTO_UDP, length)
    ports = struct.pack("!HHH", source_port, port, length)
    datagram = ports + struct.pack("!H", checksum(pseudo + ports + bytes(2) + data)) + data
    if from_.version == 6:
        fixed = struct.pack("!IHBB", 6 << 28, length, socket.IPPROTO_UDP, 64)
        return fixed + from_.packed + to.packed + datagram
    fixed = struct.pack("!BBHHHBB", 0x45, 0, 20 + length, 0, 0, 64, socket.IPPROTO_UDP)
    addresses = from_.packed + to.packed
    return fixed + struct.pack("!H", checksum(fixed + bytes(2) + addresses)) + addresses + datagram


def answers(wire: int, port: int) -> list[tuple[str, int, bytes]]:
    """The datagrams from `port` on the wire until one goes to `PEER`: to where, and what."""
    sent: list[tuple[str, int, bytes]] = []
    while not sent or sent[-1][0] != PEER:
        assert select.select([wire], [], [], PATIENCE)[0], "the peer has no reply"
        data = os.read(wire, 65536)
        start, to = (40, data[24:40]) if data[0] >> 4 == 6 else (20, data[16:20])
        protocol = data[6] if start == 40 else data[9]
        from_, to_port = struct.unpack_from("!HH", data, start)
        if protocol == socket.IPPROTO_UDP and from_ == port:
            sent.append((str(ip_address(to)), to_port, data[start + 8 :]))
    return sent


def ask_here(host: str, port: int) -> str:
    """What the server replies to a program on this host."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(PATIENCE)
        s.connect((host, port))
        s.send(b"Ann,42")
        return s.recv(1024).decode()


def main() -> None:
    try:
        wire = enter_host()
    except NoNetwork as why:
        sys.exit(str(why))
    except OSError as error:
        sys.exit(f"IPv6 cannot be had ({error.strerror})")
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as victim,
        running_server(Path.cwd(), "--host", "::", "--udp", *BOB) as server,
    ):
        victim.bind(("127.0.0.1", 0))
        victim.setblocking(False)
        port = server.port
        server.wait_for(rf"datagrams on \('0.0.0.0', {port}\)")  # the last of its sockets
        for source in FORGED:
            for request in b"Ann,42", b"Ann,101":
                os.write(wire, packet(source, victim.getsockname()[1], port, request))
        os.write(wire, packet(PEER, 54321, port, b"Ann,42"))
        on_the_wire = [data.decode() for _, _, data in answers(wire, port)]
        to_the_victim = []
        while select.select([victim], [], [], 0)[0]:
            to_the_victim.append(victim.recv(1024).decode())
        here = [ask_here(host, port) for host in ("127.0.0.1", "::1")]
    stops = re.findall("Server is stopping: (.*)", server.output)
    result = {"wire": on_the_wire, "victim": to_the_victim, "here": here, "stops": stops}
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
