"""Write sample.pcapng, the capture that traffic-analysis.md reads.

    python docs/make_sample.py [FILE]

FILE is docs/sample.pcapng by default. The packets are made here, with the times, ports and numbers
of a run that never was, so each run of this program writes the same bytes. What the server says in
them is what it says today: tests/test_sample.py asks it. The first packet of each conversation has
a comment, which says what the conversation shows.
"""

from __future__ import annotations

import socket
import struct
import sys
from pathlib import Path
from typing import NamedTuple

SAMPLE = Path(__file__).with_name("sample.pcapng")

CLIENT, SERVER = "client", "server"


class Turn(NamedTuple):
    """One side sends `data`, in a segment or a datagram, `after` seconds of silence."""

    sender: str
    data: bytes
    after: float = 0.0005


class Conversation(NamedTuple):
    """What `turns` show, over TCP or UDP; over TCP, `closer` then closes after `silence` seconds.

    `hosts` are the IPv4 addresses of the client and the server.
    """

    title: str
    turns: list[Turn]
    transport: str = "tcp"
    closer: str = CLIENT
    silence: float = 0.0005
    hosts: tuple[str, str] = ("127.0.0.1", "127.0.0.1")


def exchanges(*messages: bytes) -> list[Turn]:
    """The turns of a client and a server that send `messages` in turn."""
    return [Turn((CLIENT, SERVER)[index % 2], data) for index, data in enumerate(messages)]


CONVERSATIONS = [
    Conversation("A line", exchanges(b"Client of Ann,42\r\n", b"Server of Bob,58\r\n")),
    Conversation(
        "No newline: the server waits for silence, and so does the client",
        [Turn(CLIENT, b"Client of Ann,42"), Turn(SERVER, b"Server of Bob,58", 0.2)],
        silence=0.2,
    ),
    Conversation("UDP", exchanges(b"Client of Ann,42\r\n", b"Server of Bob,58\r\n"), "udp"),
    Conversation(
        "JSON, two exchanges over one connection",
        exchanges(
            b'{"name": "Client of Ann", "number": 51}\r\n',
            b'{"name": "Server of Bob", "number": 58}\r\n',
            b'{"name": "Client of Ann", "number": 7}\r\n',
            b'{"name": "Server of Bob", "number": 58}\r\n',
        ),
    ),
    Conversation(
        "A browser at the wrong port",
        exchanges(
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1:12000\r\nAccept: */*\r\n\r\n",
            b"ERROR malformed: this is HTTP. "
            b"Use a client for the sum exchange, or another port.\r\n",
        ),
        closer=SERVER,
    ),
    Conversation(
        "The other dialects with a name: pipe, semicolon, colon, space, number first, record, "
        "text record",
        exchanges(
            *(b"Client of Ann|42\n", b"Server of Bob|58\n"),
            *(b"Client of Ann;42\n", b"Server of Bob;58\n"),
            *(b"Client of Ann:42\n", b"Server of Bob:58\n"),
            *(b"Client of Ann 42\n", b"Server of Bob 58\n"),
            *(b"42,Client of Ann\n", b"58,Server of Bob\n"),
            *(b"\0\x0dClient of Ann\0\0\0\x2a", b"\0\x0dServer of Bob\0\0\0\x3a"),
            *(b"\0\x10Client of Ann,42", b"\0\x10Server of Bob,58"),
        ),
    ),
    Conversation(
        "Two lines, each in a segment of its own",
        [
            Turn(CLIENT, b"Client of Ann\n"),
            Turn(CLIENT, b"42\n"),
            Turn(SERVER, b"Server of Bob\n58\n"),
        ],
    ),
    Conversation(
        "One line in three segments",
        [
            Turn(CLIENT, b"Client of Ann,"),
            Turn(CLIENT, b"4", 0.05),
            Turn(CLIENT, b"2\n", 0.05),
            Turn(SERVER, b"Server of Bob,58\n"),
        ],
    ),
    Conversation(
        "Three requests in one segment",
        exchanges(
            b"Client of Ann,1\nClient of Ann,2\nClient of Ann,3\n",
            b"Server of Bob,58\nServer of Bob,58\nServer of Bob,58\n",
        ),
    ),
    Conversation(
        "Templates with no name: an arrow, labels, a dict of Python, a form, XML",
        exchanges(
            *(b"Client of Ann -> 42;\n", b"Server of Bob -> 58;\n"),
            b"Client name: Client of Ann, Client number: 42\n",
            b"Server name: Server of Bob, Server number: 58\n",
            b"{'name': 'Client of Ann', 'number': 42}\n",
            b"{'name': 'Server of Bob', 'number': 58}\n",
            *(b"name=Client+of+Ann&number=42\n", b"name=Server+of+Bob&number=58\n"),
            b"<message><name>Client of Ann</name><number>42</number></message>\n",
            b"<message><name>Server of Bob</name><number>58</number></message>\n",
        ),
    ),
    Conversation(
        "JSON of other kinds: a list, objects in an object",
        exchanges(
            *(b'["Client of Ann", 42]', b'["Server of Bob", 58]'),
            b'{"type": "sum", "client": {"name": "Client of Ann"}, "number": "42"}',
            b'{"type": "sum", "server": {"name": "Server of Bob"}, "number": "58"}',
        ),
    ),
    Conversation(
        "A length before the text: four bytes, four digits, a netstring; two strings of Java",
        exchanges(
            *(b"\x10\0\0\0Client of Ann,42", b"\x10\0\0\0Server of Bob,58"),
            *(b"0016Client of Ann,42", b"0016Server of Bob,58"),
            *(b"16:Client of Ann,42,", b"16:Server of Bob,58,"),
            *(b"\0\x0dClient of Ann\0\x0242", b"\0\x0dServer of Bob\0\x0258"),
        ),
    ),
    Conversation(
        "A struct of C: char name[20]; int number;",
        [
            Turn(CLIENT, b"Client of Ann".ljust(20, b"\0") + b"\x2a\0\0\0"),
            Turn(SERVER, b"Server of Bob".ljust(20, b"\0") + b"\x3a\0\0\0", 0.2),
        ],
    ),
    Conversation(
        "Text in an array of C that is sent whole",
        [
            Turn(CLIENT, b"Client of Ann,42".ljust(20, b"\0")),
            Turn(SERVER, b"Server of Bob,58".ljust(20, b"\0"), 0.2),
        ],
    ),
    Conversation(
        "UTF-16",
        exchanges(
            "\ufeffClient of Ann,42\n".encode("utf-16-le"),
            "\ufeffServer of Bob,58\n".encode("utf-16-le"),
        ),
    ),
    Conversation(
        "UDP: the request is sent again, and the server answers both",
        [
            Turn(CLIENT, b"Client of Ann,42\r\n"),
            Turn(CLIENT, b"Client of Ann,42\r\n", 0.5),
            Turn(SERVER, b"Server of Bob,58\r\n"),
            Turn(SERVER, b"Server of Bob,21\r\n"),
        ],
        "udp",
    ),
    Conversation("UDP: noise gets no reply", [Turn(CLIENT, b"noise")], "udp"),
    Conversation(
        "A number that is no integer",
        exchanges(
            b"Client of Ann,4.2\r\n",
            b"ERROR malformed: '4.2' is not an integer. "
            b"Write the integer in digits alone, as in 'Client of Ann,42', and a newline.\r\n",
        ),
        closer=SERVER,
    ),
    Conversation(
        "A message that is too long",
        exchanges(
            b"Client of Ann".ljust(1100, b"!"),
            b"ERROR too-long: a message has at most 1024 bytes. "
            b"End each message with a newline, \\n.\r\n",
        ),
        closer=SERVER,
    ),
    Conversation(
        "A number out of range from another machine, which may not stop the server",
        exchanges(
            b"Client of Ann,101\r\n",
            b"ERROR out-of-range: 101 is out of range. Send an integer from 1 to 100.\r\n",
        ),
        closer=SERVER,
        hosts=("192.0.2.7", "192.0.2.1"),
    ),
    Conversation(
        "The server has all the connections that it takes",
        [Turn(SERVER, b"ERROR busy: the server has its 100 connections.\r\n")],
        closer=SERVER,
    ),
    Conversation(
        "Nothing comes for a minute",
        [
            Turn(
                SERVER,
                b"ERROR timeout: a message did not come within 60 s. "
                b"Send a message, or close the connection.\r\n",
                60.0,
            )
        ],
        closer=SERVER,
    ),
    Conversation(
        "The number that stops the server",
        exchanges(b"Client of Ann,101\r\n", b"ERROR stopping: 101 is out of range.\r\n"),
        closer=SERVER,
    ),
]

START = 1_767_268_800
"""When the first packet was sent: 12:00 UTC on the first of January 2026."""

PORT = 12000

FIN, SYN, PSH, ACK = 0x01, 0x02, 0x08, 0x10  # flags of TCP

TRAVEL, PAUSE = 10, 250_000  # microseconds: until the kernel answers; between conversations


def main() -> None:
    """What ``python docs/make_sample.py`` runs."""
    (Path(sys.argv[1]) if sys.argv[1:] else SAMPLE).write_bytes(make_capture())


def make_capture() -> bytes:
    """The file: `CONVERSATIONS` one after the other, each from a port of its own."""
    capture = Capture()
    for number, conversation in enumerate(CONVERSATIONS):
        capture.begin(conversation.title)
        link = Link(capture, conversation.hosts, 40001 + number)
        (_talk_over_tcp if conversation.transport == "tcp" else _talk_over_udp)(link, conversation)
    return bytes(capture.data)


class Capture:
    """A file of packets, and the clock of who captures them."""

    def __init__(self) -> None:
        ethernet, snapshot_length = 1, 262144
        self.microseconds = START * 1_000_000 - PAUSE
        self.data = bytearray(
            _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))  # a section begins
            + _block(1, struct.pack("<HHI", ethernet, 0, snapshot_length))  # an interface
        )
        self._comment = b""

    def begin(self, title: str) -> None:
        """Pause, and give the next packet `title` for a comment."""
        self.microseconds += PAUSE
        self._comment = title.encode()

    def add(self, packet: bytes) -> None:
        """Put a packet of IP behind those before, in a frame of the loopback device."""
        frame = bytes(12) + struct.pack("!H", 0x0800) + packet
        high, low = divmod(self.microseconds, 2**32)
        fixed = struct.pack("<IIIII", 0, high, low, len(frame), len(frame))
        options = b""
        if self._comment:
            comment = struct.pack("<HH", 1, len(self._comment)) + _pad(self._comment)
            options = comment + bytes(4)  # and the end of the options
            self._comment = b""
        self.data += _block(6, fixed + _pad(frame) + options)


def _block(kind: int, body: bytes) -> bytes:
    """A block of pcapng: its length is before its body, and behind it."""
    length = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + length + body + length


def _pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


class Link:
    """The two ends of a conversation, and what TCP has counted of it."""

    def __init__(self, capture: Capture, hosts: tuple[str, str], client_port: int) -> None:
        self.capture = capture
        self._hosts = dict(zip((CLIENT, SERVER), map(socket.inet_aton, hosts), strict=True))
        self._ports = {CLIENT: client_port, SERVER: PORT}
        self._next = {CLIENT: 1_000_000, SERVER: 2_000_000}
        self._clock_of = {CLIENT: 0, SERVER: 0}

    def segment(self, sender: str, flags: int, data: bytes = b"") -> None:
        """Have `sender` send `data` over TCP, and count it."""
        peer = _other(sender)
        self._clock_of[sender] = self.capture.microseconds // 1000 % 2**32
        stamps = struct.pack("!II", self._clock_of[sender], self._clock_of[peer])
        if flags & SYN:  # the longest segment, selective acknowledgements, stamps, window scale 10
            options = b"\2\4\xff\xd7\4\2\x08\x0a" + stamps + b"\1\3\3\x0a"
        else:
            options = b"\1\1\x08\x0a" + stamps
        acknowledged = self._next[peer] if flags & ACK else 0
        header = struct.pack(
            "!HHIIBBHHH",
            *(self._ports[sender], self._ports[peer], self._next[sender], acknowledged),
            *((20 + len(options)) // 4 << 4, flags, 65495 if flags & SYN else 64, 0, 0),
        )
        self._next[sender] += len(data) + bool(flags & (SYN | FIN))
        self._packet(sender, socket.IPPROTO_TCP, header + options + data, checksum_at=16)

    def datagram(self, sender: str, data: bytes) -> None:
        """Have `sender` send `data` over UDP."""
        ports = self._ports[sender], self._ports[_other(sender)]
        header = struct.pack("!HHHH", *ports, 8 + len(data), 0)
        self._packet(sender, socket.IPPROTO_UDP, header + data, checksum_at=6)

    def _packet(self, sender: str, protocol: int, content: bytes, checksum_at: int) -> None:
        addresses = self._hosts[sender] + self._hosts[_other(sender)]
        pseudo = addresses + struct.pack("!HH", protocol, len(content))
        content = _with_checksum(content, checksum_at, _checksum(pseudo + content))
        size, dont_fragment, hops = 20 + len(content), 0x4000, 64
        header = struct.pack("!BBHHHBBH", 0x45, 0, size, 0, dont_fragment, hops, protocol, 0)
        header = _with_checksum(header + addresses, 10, _checksum(header + addresses))
        self.capture.add(header + content)


def _other(side: str) -> str:
    return SERVER if side == CLIENT else CLIENT


def _with_checksum(packet: bytes, at: int, checksum: int) -> bytes:
    return packet[:at] + struct.pack("!H", checksum) + packet[at + 2 :]


def _checksum(data: bytes) -> int:
    """The Internet checksum of `data`."""
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _talk_over_tcp(link: Link, conversation: Conversation) -> None:
    capture = link.capture
    for sender, flags in (CLIENT, SYN), (SERVER, SYN | ACK), (CLIENT, ACK):
        link.segment(sender, flags)
        capture.microseconds += TRAVEL
    for sender, data, after in conversation.turns:
        capture.microseconds += round(after * 1_000_000)
        link.segment(sender, PSH | ACK, data)
        capture.microseconds += TRAVEL
        link.segment(_other(sender), ACK)
    capture.microseconds += round(conversation.silence * 1_000_000)
    closer = conversation.closer
    for sender, flags in (closer, FIN | ACK), (_other(closer), FIN | ACK), (closer, ACK):
        link.segment(sender, flags)
        capture.microseconds += TRAVEL


def _talk_over_udp(link: Link, conversation: Conversation) -> None:
    for sender, data, after in conversation.turns:
        link.capture.microseconds += round(after * 1_000_000)
        link.datagram(sender, data)


if __name__ == "__main__":
    main()
