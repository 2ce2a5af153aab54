"""Other protocols are known by their first bytes, and no sum message is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sumproto.core.dialects import DIALECTS
from sumproto.core.foreign import name_greeting, name_request
from sumproto.core.message import Message, MessageError, parse_name

GREETINGS = [
    (b"220 mail.example ESMTP ready\r\n", "an SMTP server"),
    (b"220 ftp.example.com ESMTP Postfix\r\n", "an SMTP server"),
    (b"220-mx.example ESMTP\r\n220 go ahead\r\n", "an SMTP server"),
    (b"554 mx.example SMTP synchronization error\r\n", "an SMTP server"),
    (b"220 (vsFTPd 3.0.3)\r\n", "an FTP server"),
    (b"220 smtp.example.com FTP server ready\r\n", "an FTP server"),
    (b"220---------- Welcome to Pure-FTPd [privsep] ----------\r\n", "an FTP server"),
    (b"220-FileZilla Server 1.8.0\r\n", "an FTP server"),
    (b"220 mx.example.org\r\n", "an SMTP or FTP server"),
    (b"220 [192.0.2.1] hello\r\n", "an SMTP or FTP server"),
    (b"220 Service ready for new user.\r\n", "an SMTP or FTP server"),
    (b"220 " + b"x" * 50 + b".example.com ESMTP\r\n", "an SMTP or FTP server"),
    (b"220 dict.example dictd 1.12.1/rf on Linux\r\n", "a DICT server"),
    (b"200 news.example InterNetNews NNRP server ready (posting ok)\r\n", "an NNTP server"),
    (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "an SSH server"),
    (b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n", "an HTTP server"),
    (b"<html>\r\n<head><title>400 Bad Request</title></head>\r\n", "an HTTP server"),
    (b'<!doctype html>\n<html lang="en">', "an HTTP server"),
    (b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80", "an HTTP server"),
    (b"+OK Dovecot ready.\r\n", "a POP3 server"),
    (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", "an IMAP server"),
    (b"-ERR unknown command 'Client'\r\n", "a Redis server"),
    (b":irc.example NOTICE * :*** Looking up your hostname\r\n", "an IRC server"),
    (b"NOTICE AUTH :*** Checking Ident\r\n", "an IRC server"),
    (b"RTSP/1.0 400 Bad Request\r\n", "an RTSP server"),
    (b"SIP/2.0 400 Bad Request\r\n", "a SIP server"),
    (b"RFB 003.008\n", "a VNC server"),
    (b"<?xml version='1.0'?><stream:stream from='x'>", "an XMPP server"),
    (b"@RSYNCD: 31.0\n", "an rsync server"),
    (b"( success ( 2 2 ( ) ( edit-pipeline", "a Subversion server"),
    (b"\xff\xfd\x18\xff\xfd\x20", "a telnet server"),
    (b"\x15\x03\x01\0\x02\x02\x16", "a TLS server"),
    (b"J\0\0\0\n8.0.33\0\x08\0\0\0", "a MySQL server"),
    (b"E\0\0\0\xffj\x04Host '192.0.2.1' is not allowed", "a MySQL server"),
    (b"E\0\0\0\x84SFATAL\0VFATAL\0C0A000\0", "a PostgreSQL server"),
    (b"AMQP\0\0\x09\x01", "an AMQP server"),
    (b"\xff\0\0\0\0\0\0\0\x01\x7f\x03", "a ZeroMQ peer"),
    (b"\x13BitTorrent protocol\0\0", "a BitTorrent peer"),
    (b"\xac\xed\0\x05t\0\x03Bob", "a server of serialized Java objects"),
    (b"\x80\x04\x95\x0c\0\0\0\0\0\0\0", "a server of Python pickles"),
]

REQUESTS = [
    (b"GET / HTTP/1.1\r\nHost: x\r\n", "HTTP"),
    (b"101 / HTTP/1.1\r\n", "HTTP"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP"),
    (b"GET /" + b"x" * 100 + b" HTTP/1.1\r\n", "HTTP"),
    (b"OPTIONS / RTSP/1.0\r\n\r\n", "RTSP"),
    (b"OPTIONS sip:nm SIP/2.0\r\n", "SIP"),
    (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", "TLS"),
    (b"\x80\x2e\x01\x03\x01\0\x15", "TLS"),
    (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
    (b"EHLO example.com\r\n", "SMTP"),
    (b"HELO mail.example\r\n", "SMTP"),
    (b"USER anonymous\r\n", "FTP"),
    (b"NICK ann\r\nUSER ann 0 * :Ann\r\n", "IRC"),
    (b"CAP LS 302\r\n", "IRC"),
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "the PROXY protocol"),
    (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", "the PROXY protocol"),
    (b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0", "RDP"),
    (b"\x03\0\0\x2a\x25\xe0\0\0\0\0\0Cookie: mstshash=nmap\r\n", "RDP"),
    (b"\0\0\0\xa4\xffSMBr\0\0\0\0", "SMB"),
    (b"\0\0\0\xee\xfeSMB\x40\0", "SMB"),
    (b"*1\r\n$4\r\nINFO\r\n", "Redis"),
    (b"stats\r\n", "memcached"),
    (b"\x10\x1f\0\x04MQTT\x04\x02", "MQTT"),
    (b"\x10\x80\x01\0\x06MQIsdp\x03", "MQTT"),
    (b"\0\x1e\0\x06\x01\0\0\x01\0\0\0\0\0\0\x07version\x04bind", "DNS"),
    (b"\0\x0c\0\0\x10\0\0\0\0\0\0\0\0\0", "DNS"),
    (b"\xab\xcd\x01\x20\0\x01\0\0\0\0\0\x01\x07example", "DNS"),
    (b"l\0\x0b\0\0\0\0\0\0\0\0\0", "X11"),
    (b"0\x0c\x02\x01\x01\x60\x07\x02\x01\x02\x04\0\x80\0", "LDAP"),
    (b"0\x84\0\0\0\x2d\x02\x01\x07c\x84\0\0\0\x24", "LDAP"),
    (b"0\x26\x02\x01\x01\x04\x06public\xa1\x19", "SNMP"),
    (b"AMQP\0\x01\0\0", "AMQP"),
    (b"\0\0\0\x23\0\x12\0\x03\0\0\0\x01\0\x07console", "Kafka"),
    (b"\x3a\0\0\0\x01\0\0\0\0\0\0\0\xd4\x07\0\0", "MongoDB"),
    (b"\x04\0\0\0\x05\0\0\0\0", "Cassandra"),
    (b"\0\0\0\x08\x04\xd2\x16\x2f", "PostgreSQL"),
    (b"\0\0\0\x54\0\x03\0\0user\0ann\0", "PostgreSQL"),
    (b"\x12\x01\0\x34\0\0\0\0\0\0\x15", "SQL Server"),
    (b"\0\x5a\0\0\x01\0\0\0\x01\x36", "Oracle"),
    (b"JRMI\0\x02K", "Java RMI"),
    (b"0032git-upload-pack /project.git\0", "Git"),
    (b"<stream:stream to='x'>", "XMPP"),
    (b"\x80\0\0\x28\x72\xfe\x1d\x13\0\0\0\0\0\0\0\x02\0\x01\x86\xa0", "ONC RPC"),
    (b"\x05\x02\0\x02", "SOCKS"),
    (b"\x04\x01\0\x50\xc0\0\x02\x01ann\0", "SOCKS"),
    (b"\x01default\n", "LPD"),
    (b"\x13BitTorrent protocol\0\0", "BitTorrent"),
    (b"\0\x01\0\0\x21\x12\xa4\x42", "STUN"),
    (b"HELP\r\n", "a port scan"),
    (b"\xac\xed\0\x05t\0\x03Ann", "a Java ObjectOutputStream"),
    (b"\x80\x04\x95\x0c\0\0\0\0\0\0\0", "a Python pickle"),
]

PLAUSIBLE = [
    "Get Smart",
    "GET Smart",
    "Post Malone",
    "Options Clearing",
    "Helo Meyer",
    "HELO World",
    "User 1",
    "Nick Cave",
    "Stats",
    "Help",
    "220 Volt",
    "200 Bob",
    "Ok Computer",
    "+OKAN",
    "Error",
    "Ann (HTTP fan)",
    "Ftp Welcome Service",
    "SSH Ann",
    "Ænne Ørsted",
    "李雷",
    "E",
    "B",
    "l",
    "0",
    "<Ann>",
    "(Ann)",
    "* Ann *",
    "-Ann",
    ":Ann",
    "@Ann",
]

NAMES = st.sampled_from(PLAUSIBLE) | st.builds(
    str.__add__,
    st.characters(categories=["Lu", "Ll", "Lo"]),
    st.text(
        st.characters(categories=["L", "Nd", "Pd", "Zs"], include_characters=".'_()/"), max_size=70
    ),
)

FORMS = [
    b"20:Client of Ann Lee,42,",
    b"\x0e\0Server of Bob,",
    b"\0\0\0\x10Server of Bob,58",
    b"\x10\0\0\0Server of Bob,58",
    b"\x0d\0\0\0Server of Bob\x3a\0\0\0",
    b"\0\x0dServer of Bob\0\x0258",
    b"Server of Bob".ljust(256, b"\0") + b"\0\0\0\x3a",
    b"Bob".ljust(100, b"\0") + b"\x3a\0\0\0",
    b"B".ljust(50, b"\0") + b"\0\0\0\0\0\x3a",
    b"Server of Bob,58\0",
    b"Server of Bob,58".ljust(1024, b"\0"),
    b"0016Server of Bob,58",
    b"16" + b" " * 62 + b"Server of Bob,58",
    b"('Bob', 58)",
    b"<message><name>Bob</name><number>58</number></message>",
    b"<Bob, 58>",
    b"[Bob, 58]",
    b'["Bob", 58]',
    b"Name: Bob\nNumber: 58\n",
    b"name=Bob&number=58",
    b"\xef\xbb\xbfBob,58\n",
    "\ufeffBob,58\n".encode("utf-16-le"),
    "\ufeffBob,58\n".encode("utf-16-be"),
    b"ERROR stopping: 101 is out of range.\r\n",
    b"Number is out of range. Server is close",
    b"ERROR\r\n",
]
"""Messages in forms of public programs, and what sum servers say of an error."""


@pytest.mark.parametrize(("greeting", "name"), GREETINGS)
def test_servers_of_other_protocols_are_named(greeting: bytes, name: str) -> None:
    assert name_greeting(greeting) == name


@pytest.mark.parametrize(("request_", "name"), REQUESTS)
def test_clients_of_other_protocols_are_named(request_: bytes, name: str) -> None:
    assert name_request(request_) == name


@given(NAMES, st.integers(1, 100), st.sampled_from(["", "\n", "\r\n"]))
def test_no_message_nor_a_part_of_one_is_named(name: str, number: int, newline: str) -> None:
    try:
        parse_name(name)
    except MessageError:
        return
    for dialect in DIALECTS.values():
        data = dialect(newline).encode(Message(name, number))
        for end in range(min(len(data), 65) + 1):
            assert name_request(data[:end]) is None
            assert name_greeting(data[:end]) is None


@pytest.mark.parametrize("form", FORMS)
def test_no_message_of_public_programs_is_named(form: bytes) -> None:
    for end in range(len(form) + 1):
        assert name_greeting(form[:end]) is None
        assert name_request(form[:end]) is None


@pytest.mark.parametrize("name", PLAUSIBLE)
@pytest.mark.parametrize("form", ["{0}", "{0}\r\n", "{0} 42\n", "{0}/42", "{0}-42\r\n", "42 {0}\n"])
def test_no_plausible_name_is_named(name: str, form: str) -> None:
    assert name_request(form.format(name).encode()) is None
    assert name_greeting(form.format(name).encode()) is None
