"""How the client finds what a server understands: the forms, the rule, and the program."""

from __future__ import annotations

import json
import re
import shlex
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from support import PATIENCE, client, fake_server, read_all, running_server

from sumproto.core import (
    AUTO,
    DIALECTS,
    Cause,
    Decoder,
    Failed,
    Message,
    MessageError,
    choose_forms,
    ends_in_newline,
    explain_failure,
    label_of,
    make_forms,
    may_try_next,
)
from sumproto.core.forms import make_template

CRLF = "\r\n"
ASK, STOP = Message("Client of Ann", 42), Message("Client of Ann", 101)
FORMS = make_forms(CRLF)
LABELS = "labels on two lines"
NAMES = [form.name for form in FORMS]


def written(*options: str, request: Message = ASK, **choice: Any) -> list[bytes]:
    """What is sent, in each form that is tried."""
    forms = choose_forms([request], CRLF, *options, **choice)
    return [form.dialect.encode(request) for form in forms]


# Which forms


def test_the_most_frequent_come_first() -> None:
    assert NAMES[:9] == [
        "comma",
        "space",
        "pipe",
        "semicolon",
        "json",
        "colon",
        "two-lines",
        "record",
        "comma with no newline",
    ]
    assert len(set(NAMES)) == len(NAMES)
    assert {*DIALECTS} <= {*NAMES}


def test_the_options_say_the_form() -> None:
    for form in FORMS:
        option, value, *more = shlex.split(form.options)
        newline = "" if more == ["--unterminated"] else CRLF
        if option == "--template":
            same = make_template(value, newline).dialect
        else:
            same = DIALECTS[value](newline)
        assert form.dialect.encode(ASK) == same.encode(ASK)


def test_without_newlines_none_is_tried_twice() -> None:
    sent = [form.dialect.encode(ASK) for form in make_forms("")]
    assert len(set(sent)) == len(sent)
    assert not any(data.endswith(b"\n") for data in sent)


def test_a_number_out_of_range_is_sent_once() -> None:
    assert written(request=STOP) == [b"Client of Ann,101\r\n"]
    assert len(written()) == len(FORMS)


def test_what_a_server_would_misread_is_not_sent() -> None:
    sent = written(request=Message("Ann 5", 42))
    assert sent[0] == b"Ann 5,42\r\n"
    assert b"Ann 5\r\n42\r\n" not in sent
    with pytest.raises(ValueError, match="in the dialect comma, the name would be misread"):
        choose_forms([Message("{Ann", 42)], CRLF, "comma")


@pytest.mark.parametrize(
    ("label", "separator", "sent"),
    [
        (AUTO, ", ", b"Client of Ann, 42\r\n"),
        ("comma", "::", b"Client of Ann::42\r\n"),
        ("pipe", " | ", b"Client of Ann | 42\r\n"),
        ("comma", "-", b"Client of Ann-42\r\n"),
        ("comma", r"\t", b"Client of Ann\t42\r\n"),
        ("number-first", ";", b"42;Client of Ann\r\n"),
        ("text-record", ";", b"\0\x10Client of Ann;42"),
    ],
)
def test_separators(label: str, separator: str, sent: bytes) -> None:
    assert written(label, separator) == [sent]


@pytest.mark.parametrize(
    ("template", "sent"),
    [
        ("<{name}|{number}>", b"<Client of Ann|42>\r\n"),
        ("{number} from {name}", b"42 from Client of Ann\r\n"),
        (r"Name: {name}\nNumber: {number}", b"Name: Client of Ann\nNumber: 42\n"),
        (r"{name}\r\n{number}", b"Client of Ann\r\n42\r\n"),
        (r"{name}\\n{number}", b"Client of Ann\\n42\r\n"),
        ('{"n": "{name}", "k": {number}}', b'{"n": "Client of Ann", "k": 42}\r\n'),
    ],
)
def test_templates(template: str, sent: bytes) -> None:
    assert written(template=template) == [sent]


@pytest.mark.parametrize(
    ("choice", "complaint"),
    [
        ({"label": "json", "separator": ","}, "--separator: there is none in the dialect json"),
        ({"label": "record", "separator": ","}, "--separator: there is none in the dialect record"),
        ({"label": "two-lines", "separator": ","}, "--separator: there is none in the dialect two"),
        ({"separator": "x"}, "the message would be misread"),
        ({"separator": "7"}, "the message would be misread"),
        ({"separator": ""}, "the message would be misread"),
        ({"template": "{name}"}, r"\{name\} and \{number\} have to be in it"),
        ({"template": "{name}{name}{number}"}, r"\{name\} and \{number\} have to be in it"),
        ({"template": "{name},{sum}"}, r"\{name\} and \{number\} have to be in it"),
        ({"template": "{name},{number}", "separator": ","}, "--template goes without"),
        ({"template": "{name},{number}", "label": "pipe"}, "--template goes without"),
    ],
)
def test_forms_that_cannot_be_had(choice: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        choose_forms([ASK], CRLF, **choice)


def test_which_end_in_a_newline() -> None:
    for label, make in DIALECTS.items():
        has_none = label in ("record", "text-record")
        assert ends_in_newline(make(CRLF)) is not has_none
        assert not ends_in_newline(make(""))


# The rule


@pytest.mark.parametrize("cause", Cause)
def test_what_is_tried_again(cause: Cause) -> None:
    not_understood = {
        Cause.CLOSED,
        Cause.CUT_OFF,
        Cause.ERROR_REPLY,
        Cause.LOST,
        Cause.MALFORMED,
        Cause.TIMEOUT,
    }
    failed = Failed(cause, "so")
    assert may_try_next(failed, FORMS[1:]) is (cause in not_understood)
    assert not may_try_next(failed, [])
    assert explain_failure(failed, FORMS[:1]) == failed


def test_why_probing_ends() -> None:
    refused = explain_failure(Failed(Cause.NO_CONNECTION, "Connection was refused"), FORMS[:2])
    assert refused.cause is Cause.NO_CONNECTION
    assert refused.text == (
        "Connection was refused; the server ended after it was asked in comma, "
        "perhaps with a word on why; start it again, and try --dialect space or --template"
    )
    silent = explain_failure(Failed(Cause.TIMEOUT, "no reply within 1 s"), FORMS)
    assert silent.text.startswith(f"it speaks none of the {len(FORMS)} forms that were tried; in ")
    foreign = explain_failure(Failed(Cause.NOT_A_SUM_SERVER, "this is HTTP"), FORMS[:2])
    assert foreign.text == "in space: this is HTTP"


# As a program


class Picky:
    """A server, of one connection after the other, that understands `label` alone.

    To all else it does as `otherwise` says. `asked` is what came, a connection each.
    """

    def __init__(self, label: str, otherwise: Callable[[socket.socket, bytes], None]) -> None:
        self.asked: list[bytes] = []
        self._label = label
        self._otherwise = otherwise
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = str(self._listener.getsockname()[1])

    def serve(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:  # it is closed
                return
            with peer:
                self.asked.append(b"")
                self._exchange(peer)

    def _exchange(self, peer: socket.socket) -> None:
        peer.settimeout(PATIENCE)
        try:
            while data := peer.recv(1024):
                self.asked[-1] += data
                if self._understands(data):
                    peer.sendall(data.replace(b"Client of Ann", b"Server of Bob"))
                else:
                    self._otherwise(peer, data)
                    return
        except OSError:
            pass

    def _understands(self, data: bytes) -> bool:
        try:
            dialect = Decoder().take_first(data).dialect
        except MessageError:
            return False
        if not data.endswith(b"\n") and self._label == "comma with no newline":
            return label_of(dialect) == "comma"
        label = "template" if self._label == LABELS else self._label
        return label_of(dialect) == label

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def say(text: bytes) -> Callable[[socket.socket, bytes], None]:
    return lambda peer, data: peer.sendall(text)


def echo(peer: socket.socket, data: bytes) -> None:
    peer.sendall(data)


def stay_silent(peer: socket.socket, data: bytes) -> None:
    read_all(peer)


@contextmanager
def picky(label: str, otherwise: Callable[[socket.socket, bytes], None]) -> Iterator[Picky]:
    server = Picky(label, otherwise)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join(PATIENCE)


ANN = ("--name", "Client of Ann")


@pytest.mark.live
@pytest.mark.parametrize("label", [name for name in NAMES if name != "comma"])
def test_each_form_is_found(tmp_path: Path, label: str) -> None:
    with picky(label, say(b"")) as server:
        done = client(tmp_path, "--port", server.port, *ANN, "--json", "42", "7")
    assert done.returncode == 0
    assert [json.loads(line)["sum"] for line in done.stdout.splitlines()] == [84, 14]
    position = NAMES.index(label)
    *tries, works = done.stderr.splitlines()
    assert len(tries) == position
    assert works == f"sumclient: it speaks {label}; next time: {FORMS[position].options}"
    assert server.asked[:-1] == [form.dialect.encode(ASK) for form in FORMS[:position]]
    assert server.asked[-1] == b"".join(
        FORMS[position].dialect.encode(Message("Client of Ann", number)) for number in (42, 7)
    )


@pytest.mark.live
@pytest.mark.parametrize(
    ("otherwise", "why"),
    [
        (say(b""), "the connection was closed without a reply"),
        (say(b"ERROR malformed: no.\n"), "error reply: malformed: no"),
        (say(b"Invalid number 42\n"), "malformed reply 'Invalid number 42\\n': "),
        (say(b"what?"), "the connection was closed within a reply: 'what?'"),
        (echo, r"malformed reply 'Client of Ann,42\r\n': it is what was sent"),
        (say(b"\0\1\2\3\xff\xfe"), "malformed reply "),
        (stay_silent, "no reply within 0.2 s"),
    ],
    ids=["close", "error", "complaint", "words", "echo", "garbage", "silence"],
)
def test_whatever_it_does_when_it_does_not_understand(
    tmp_path: Path, otherwise: Callable[[socket.socket, bytes], None], why: str
) -> None:
    with picky("pipe", otherwise) as server:
        options = ("--port", server.port, *ANN, "--probe-timeout", "0.2", "--quiet")
        done = client(tmp_path, *options, "42")
    assert (done.returncode, done.stdout) == (0, "84\n")
    first, second, works = done.stderr.splitlines()
    assert first.startswith(f"sumclient: in comma: {why}")
    assert first.endswith("; now in space")
    assert second.endswith("; now in pipe")
    assert works == "sumclient: it speaks pipe; next time: --dialect pipe"


@pytest.mark.live
def test_nothing_is_told_if_the_first_form_works(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        done = client(tmp_path, "--port", str(server.port), "1", "2")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.live
def test_a_server_that_understands_nothing(tmp_path: Path) -> None:
    with picky("none", stay_silent) as server:
        begun = monotonic()
        done = client(tmp_path, "--port", server.port, "--probe-timeout", "0.1", "42")
        seconds = monotonic() - begun
    assert done.returncode == 1
    *tries, last = done.stderr.splitlines()
    assert len(tries) == len(FORMS) - 1
    assert len(server.asked) == len(FORMS)
    assert f"it speaks none of the {len(FORMS)} forms that were tried; in " in last
    assert "no reply within 0.1 s" in last
    assert seconds < PATIENCE


@pytest.mark.live
def test_a_server_that_ends_by_what_it_does_not_understand(tmp_path: Path) -> None:
    asked: list[bytes] = []

    def end() -> None:
        peer, _ = listener.accept()
        with peer:
            asked.append(peer.recv(1024))
            listener.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=end)
        thread.start()
        port = str(listener.getsockname()[1])
        done = client(tmp_path, "--port", port, *ANN, "42")
        thread.join(PATIENCE)
    assert asked == [b"Client of Ann,42\r\n"]
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "the server ended after it was asked in comma, " in last
    assert last.endswith("start it again, and try --dialect space or --template")


@pytest.mark.live
def test_a_closed_port_is_not_asked_again(tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        done = client(tmp_path, "--port", str(bound.getsockname()[1]), "42")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


@pytest.mark.live
def test_a_dialect_that_is_given_is_the_only_one(tmp_path: Path) -> None:
    with picky("pipe", say(b"")) as server:
        done = client(tmp_path, "--port", server.port, "--dialect", "comma", "42")
    assert done.returncode == 1
    assert done.stderr == (
        f"sumclient: 127.0.0.1:{server.port}: the connection was closed without a reply; "
        "--dialect auto tries other ways to write it\n"
    )
    assert len(server.asked) == 1


@pytest.mark.live
@pytest.mark.parametrize("numbers", [["101"], ["0", "42"]])
def test_a_number_out_of_range_is_sent_in_comma_alone(tmp_path: Path, numbers: list[str]) -> None:
    with picky("pipe", say(b"what?\n")) as server:
        done = client(tmp_path, "--port", server.port, *ANN, *numbers)
    assert server.asked == [b"Client of Ann,%b\r\n" % numbers[0].encode()]
    first = done.stderr.splitlines()[0]
    assert first == (
        f"sumclient: {numbers[0]} is out of range, so it is sent in comma and nothing else"
    )


@pytest.mark.live
def test_a_number_out_of_range_behind_one_that_found_the_dialect(tmp_path: Path) -> None:
    with picky("pipe", say(b"")) as server:
        done = client(tmp_path, "--port", server.port, *ANN, "--quiet", "42", "101")
    assert server.asked[-1] == b"Client of Ann|42\r\nClient of Ann|101\r\n"
    assert (done.returncode, done.stdout) == (0, "84\n")


@pytest.mark.live
def test_what_fails_behind_the_first_exchange_is_not_tried_again(tmp_path: Path) -> None:
    def handle(peer: socket.socket) -> None:
        peer.recv(1024)
        peer.sendall(b"Server of Bob,58\n")
        peer.recv(1024)

    with fake_server(handle) as port:
        done = client(tmp_path, "--port", port, "--quiet", "42", "7")
    assert (done.returncode, done.stdout) == (1, "100\n")
    assert done.stderr == (
        f"sumclient: 127.0.0.1:{port}: the connection was closed without a reply\n"
    )


@pytest.mark.live
def test_a_slow_reply_behind_the_first_has_all_the_time(tmp_path: Path) -> None:
    def handle(peer: socket.socket) -> None:
        peer.recv(1024)
        peer.sendall(b"Server of Bob,58\n")
        peer.recv(1024)
        threading.Event().wait(0.5)
        peer.sendall(b"Server of Bob,59\n")

    with fake_server(handle) as port:
        done = client(tmp_path, "--port", port, "--quiet", "--probe-timeout", "0.2", "42", "7")
    assert (done.returncode, done.stdout, done.stderr) == (0, "100\n66\n", "")


@pytest.mark.live
@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (("--separator", "::"), b"Client of Ann::42\r\n"),
        (("--dialect", "pipe", "--separator", " | "), b"Client of Ann | 42\r\n"),
        (("--separator", "", "--unterminated"), b"Client of Ann42"),
        (("--template", "<{name}|{number}>"), b"<Client of Ann|42>\r\n"),
        (("--template", "<{name}|{number}>", "--unterminated"), b"<Client of Ann|42>"),
    ],
)
def test_other_forms_are_sent_once(tmp_path: Path, options: tuple[str, ...], sent: bytes) -> None:
    with picky("none", say(b"")) as server:
        done = client(tmp_path, "--port", server.port, *ANN, *options, "42")
    assert (done.returncode, server.asked) == (1, [sent])
    assert done.stderr.count("\n") == 1


@pytest.mark.live
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--dialect", "json", "--separator", ","), "there is none in the dialect json"),
        (("--template", "{name}"), "{name} and {number} have to be in it, each of them once"),
        (("--probe-timeout", "0"), "0 s leave no time for a reply"),
    ],
)
def test_usage_errors(tmp_path: Path, options: tuple[str, ...], complaint: str) -> None:
    done = client(tmp_path, *options, "42")
    assert done.returncode == 2
    assert complaint in done.stderr.splitlines()[-1]


@pytest.mark.live
def test_datagrams_are_not_probed(tmp_path: Path) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        port = str(server.getsockname()[1])
        done = client(tmp_path, "--udp", "--port", port, *ANN, "--timeout", "0.7", "42")
        sent = [server.recv(1024) for _ in range(2)]
    assert sent == [b"Client of Ann,42\r\n"] * 2
    assert done.stderr == f"sumclient: 127.0.0.1:{port}: no reply to 2 tries\n"


@pytest.mark.live
def test_help_says_how_long_it_may_take(tmp_path: Path) -> None:
    shown = re.sub(r"\s+", " ", client(tmp_path, "--help").stdout)
    assert f"as there are {len(FORMS)}, it waits {len(FORMS)} times as long" in shown
