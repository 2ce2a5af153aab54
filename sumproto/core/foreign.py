"""Other protocols, known by the first bytes of their servers and of their clients. Pure.

A server of another protocol often speaks first, or answers what it does not understand; so does a
client that was led to the wrong port. What they say can look like a message of ours: ``220 mail``
has a number and a name. To know them by their first bytes is safer than to guess from what can be
read of them, and an error that names the protocol tells people what to do.
"""

from __future__ import annotations

import re

LOOKED_AT = 64
"""Bytes at the beginning that are looked at; the rest never matters."""

# In each table, the first pattern that fits wins. A pattern is matched at the first byte, has no
# capturing group, and asks for what no message of ours can begin with: a binary protocol for a
# control character or for bytes that are no UTF-8, a protocol of text for its own words.

_GREETINGS = (
    # RFC 5321, 4.2: code, domain, free text, in which nearly all say ESMTP; LMTP is RFC 2033
    ("an SMTP server", rb"(?:220|421|554)[ -]\S+ [^\r\n]*\b(?i:E?SMTP|LMTP)\b"),
    # RFC 2229, 3.1
    ("a DICT server", rb"220 \S+ dictd"),
    # RFC 959, 5.4: free text, in which nearly all name their program
    ("an FTP server", rb"(?:220|421)[ -][^\r\n]*(?i:ftp|filezilla)"),
    # What either may say: several lines, a domain, or the words of the examples in the RFCs
    ("an SMTP or FTP server", rb"220-|(?:220|421|554) (?:\[|[\w-]+\.\w)"),
    ("an SMTP or FTP server", rb"220 [^\r\n]*(?i:ready|service|welcome)"),
    # RFC 3977, 5.1
    ("an NNTP server", rb"20[01] [^\r\n]*(?i:nntp|nnrp|news|posting)"),
    # RFC 4253, 4.2
    ("an SSH server", rb"SSH-[12]\."),
    # RFC 9112, 4; before HTTP/1.0 an answer was the page alone, and nginx still sends that
    ("an HTTP server", rb"HTTP/[0-9]|(?i:<!DOCTYPE html|<html)"),
    # RFC 9113, 3.4 and 6.5: a SETTINGS frame on stream 0
    ("an HTTP server", rb"\0\0[\0-\xff]\x04\0\0\0\0\0"),
    # RFC 1939, 3
    ("a POP3 server", rb"\+OK[ \r]"),
    # RFC 3501, 7.1
    ("an IMAP server", rb"\* (?:OK|PREAUTH|BYE)[ \r]"),
    # redis.io, "Redis serialization protocol": simple errors
    ("a Redis server", rb"-(?:ERR|NOAUTH|DENIED|LOADING|MISCONF) "),
    # RFC 2812, 3.3.2 and 3.7.4
    ("an IRC server", rb"(?::\S+ )?NOTICE \S+ :|ERROR :"),
    # RFC 2326, 7, and RFC 3261, 7.2
    ("an RTSP server", rb"RTSP/[0-9]"),
    ("a SIP server", rb"SIP/[0-9]"),
    # RFC 6143, 7.1.1
    ("a VNC server", rb"RFB [0-9]{3}\.[0-9]{3}\n"),
    # RFC 6120, 4.2
    ("an XMPP server", rb"<\?xml [^>]*>\s*<stream:|<stream:"),
    # rsync's clientserver.c, and Subversion's libsvn_ra_svn/protocol
    ("an rsync server", rb"@RSYNCD: "),
    ("a Subversion server", rb"\( success \( "),
    # RFC 854: IAC WILL, IAC WONT, IAC DO; IAC DONT would be the byte-order mark of UTF-16, too
    ("a telnet server", rb"\xff[\xfb-\xfd]"),
    # RFC 8446, 5.1 and 6: an alert, of two bytes
    ("a TLS server", rb"\x15\x03[\0-\x04]\0\x02"),
    # MySQL, "Client/Server Protocol": u24 length, packet 0, a handshake V10 or an error
    ("a MySQL server", rb"[\x04-\xff]\0\0\0(?:\x0a[0-9]|\xff)"),
    # PostgreSQL, "Message Formats": ErrorResponse, u32 length, the field S
    ("a PostgreSQL server", rb"E\0\0[\0-\x10].S"),
    # AMQP 0-9-1, 4.2.2, and AMQP 1.0, 2.2: the protocol header
    ("an AMQP server", rb"AMQP[\0-\x03]"),
    # ZMTP 3.1: the signature of a greeting
    ("a ZeroMQ peer", rb"\xff.{8}\x7f"),
    # BEP 3
    ("a BitTorrent peer", rb"\x13BitTorrent protocol"),
    # Java Object Serialization Specification, 6.4.2: STREAM_MAGIC, STREAM_VERSION
    ("a server of serialized Java objects", rb"\xac\xed\0\x05"),
    # Python's pickletools: PROTO with 2 to 5, and the opcodes that begin a value
    ("a server of Python pickles", rb"\x80[\x02-\x05][\x95}\](cX\x8c]"),
)

_REQUESTS = (
    # RFC 2326, 6.1, and RFC 3261, 7.1
    ("RTSP", rb"[A-Z_]+ (?:[!-~]+ RTSP/[0-9]|rtsps?:)"),
    ("SIP", rb"[A-Z]+ (?:[!-~]+ SIP/[0-9]|sips?:)"),
    # RFC 9112, 3, whatever the method; a long target leaves its version beyond what is looked at
    ("HTTP", rb"[!-~]+ [!-~]+ HTTP/[0-9]"),
    ("HTTP", rb"(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH) (?:/|https?://)"),
    # RFC 8446, 5.1: a handshake; Nmap and old programs send the hello of SSL 2.0 (RFC 6101, E)
    ("TLS", rb"\x16\x03[\0-\x04]|[\x80-\xff].\x01(?:\x03[\0-\x03]|\0\x02)"),
    # RFC 4253, 4.2
    ("SSH", rb"SSH-[12]\."),
    # RFC 5321, 4.1.1.1, and RFC 2033, 4.1; HELO may be a name, so that it needs a domain
    ("SMTP", rb"(?:EHLO|LHLO) |HELO (?:\[|localhost\r?\n|[\w-]+\.\w)"),
    # RFC 959, 4.1.1, as anonymous clients have it (RFC 1635)
    ("FTP", rb"USER (?:anonymous|ftp)\r?\n"),
    # RFC 2812, 3.1.2 and 3.1.3, and IRCv3's capability negotiation
    ("IRC", rb"CAP LS|NICK \S+\r?\nUSER |USER \S+ \S+ \S+ :"),
    # The PROXY protocol, 2.1 and 2.2: a proxy is in front, and ``haproxy:`` is not in the endpoint
    ("the PROXY protocol", rb"PROXY (?:TCP[46] |UNKNOWN\r\n)|\r\n\r\n\0\r\nQUIT\n"),
    # MS-RDPBCGR, 2.2.1.1: TPKT (RFC 1006) with a connection request of X.224
    ("RDP", rb"\x03\0[\0-\x04].[\x02-\xff]\xe0"),
    # MS-SMB and MS-SMB2, 2.1 and 2.2.1: the header of a session message of NetBIOS, the protocol
    ("SMB", rb"\0[\0\x01]..[\xfe\xff]SMB"),
    # redis.io, "Redis serialization protocol": an array of bulk strings
    ("Redis", rb"\*[1-9][0-9]*\r\n\$"),
    # memcached's protocol.txt, as Nmap probes for it
    ("memcached", rb"stats\r\n"),
    # MQTT 3.1.1 and 5, 3.1: CONNECT with the name of the protocol, which was MQIsdp in 3.1
    ("MQTT", rb"\x10[\0-\xff]{1,4}\0(?:\x04MQTT|\x06MQIsdp)"),
    # RFC 1035, 4.1.1 and 4.2.2: a query with one question or a status, behind its length over TCP
    ("DNS", rb"(?:..)?..(?:[\0-\x07][\0\x10\x20]\0\x01\0\0\0\0\0|\x10\0\0\0\0\0\0\0\0)"),
    # X Window System Protocol, "Connection Setup": byte order and version 11
    ("X11", rb"l\0\x0b\0\0\0|B\0\0\x0b\0\0"),
    # RFC 4511, 4.1.1: a SEQUENCE, the message's INTEGER, a bind, search, unbind or extended request
    ("LDAP", rb"0(?:[\0-\x7f]|\x81.|\x82..|\x84.{4})\x02[\x01-\x04].{1,4}[\x60\x63\x42\x77]"),
    # RFC 1157, 4: a SEQUENCE, the version's INTEGER, the community's OCTET STRING
    ("SNMP", rb"0(?:[\0-\x7f]|\x81.|\x82..)\x02\x01[\0\x01]\x04"),
    # AMQP 0-9-1, 4.2.2, and AMQP 1.0, 2.2: the protocol header
    ("AMQP", rb"AMQP[\0-\x03]"),
    # PostgreSQL, "Message Formats": SSLRequest, or StartupMessage of version 3
    ("PostgreSQL", rb"\0\0\0\x08\x04\xd2\x16\x2f|\0\0..\0\x03\0[\0-\x02]user\0"),
    # kafka.apache.org, "Protocol": u32 size, ApiVersions (18) or Metadata (3), a low version
    ("Kafka", rb"\0[\0-\x0f]..\0[\x03\x12]\0[\0-\x14]"),
    # MongoDB, "Wire Protocol": OP_MSG (2013) or OP_QUERY (2004), little-endian, in no response
    ("MongoDB", rb".{8}\0\0\0\0(?:\xdd|\xd4)\x07\0\0"),
    # Cassandra's native_protocol_v5.spec, 2: version 3 to 5, STARTUP or OPTIONS
    ("Cassandra", rb"[\x03-\x05][\0-\x1f].{2}[\x01\x05]\0\0"),
    # MS-TDS, 2.2.3.1: PRELOGIN
    ("SQL Server", rb"\x12\x01\0.\0\0"),
    # Oracle Net: u16 length, checksum 0, CONNECT
    ("Oracle", rb"[\0-\x04].\0\0\x01\0\0\0"),
    # Java RMI's specification, 10.2
    ("Java RMI", rb"JRMI\0[\x01\x02]"),
    # gitprotocol-pack: a pkt-line with the service
    ("Git", rb"[0-9a-f]{4}git-(?:upload|receive)-"),
    # RFC 6120, 4.2
    ("XMPP", rb"<\?xml [^>]*>\s*<stream:|<stream:"),
    # RFC 5531, 9 and 11: a last fragment, a CALL, version 2 of RPC
    ("ONC RPC", rb"\x80\0[\0-\x0f].{5}\0\0\0\0\0\0\0\x02"),
    # RFC 1928, 3, and the SOCKS 4 of NEC: CONNECT
    ("SOCKS", rb"\x05[\x01-\x09][\0-\x09]|\x04\x01.{6}"),
    # RFC 1179, 5, as Nmap probes for it
    ("LPD", rb"\x01default\n"),
    # BEP 3
    ("BitTorrent", rb"\x13BitTorrent protocol"),
    # RFC 8489, 5: a binding request, with the magic cookie
    ("STUN", rb"\0\x01\0.\x21\x12\xa4\x42"),
    # Nmap's probe of that name, to which many services answer
    ("a port scan", rb"HELP\r\n"),
    # As among the greetings
    ("a Java ObjectOutputStream", rb"\xac\xed\0\x05"),
    ("a Python pickle", rb"\x80[\x02-\x05][\x95}\](cX\x8c]"),
)


class _Table:
    """Patterns, tried as one: the first that fits gives the name."""

    def __init__(self, rows: tuple[tuple[str, bytes], ...]) -> None:
        self._names = [name for name, _ in rows]
        self._any = re.compile(b"|".join(b"(%b)" % pattern for _, pattern in rows), re.DOTALL)

    def name(self, data: bytes) -> str | None:
        found = self._any.match(data[:LOOKED_AT])
        return self._names[found.lastindex - 1] if found and found.lastindex else None


_SERVERS = _Table(_GREETINGS)
_CLIENTS = _Table(_REQUESTS)


def name_greeting(data: bytes) -> str | None:
    """What kind of server begins with `data`, with its article, such as ``an SMTP server``.

    None if it is none that is known; it may then be a sum server. Takes a first line as whole: of
    a part of it, the kind may be told less exactly (``an SMTP or FTP server``).
    """
    return _SERVERS.name(data)


def name_request(data: bytes) -> str | None:
    """What a client that begins with `data` speaks, such as ``HTTP``.

    None if it is nothing that is known; it may then be a sum client.
    """
    return _CLIENTS.name(data)
