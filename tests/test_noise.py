"""Names that people have are read in every way to write them, and noise hardly ever is."""

from __future__ import annotations

import random
import string
import sys
from pathlib import Path

import pytest
from support import run

from sumproto.core.dialects import Decoder, Received
from sumproto.core.message import Message, MessageError, in_range

NAMES = """Ann|Bob|Al|Bo|Jo|Ed|Li|Wu|Zoë|Øyvind|José|Renée|Łukasz|Đorđe|İpek|Þór|Ünal|Maël|Çelik|Ñu
O'Neil|D'Angelo|J.R.|J. R. R. Tolkien|Davis Jr.|Ann-Marie|Jean-Luc Picard|Mary Jane Watson|McDonald
mcdonald|MacArthur|van der Berg|de la Cruz|St. John|Dr. Strange|Prof. Xavier|Ann (TA)|Lee, Ann
user1|user_2|ann_lee|ann.lee|annlee42|bob7|R2-D2|C-3PO|Team 7|Group 12|Team A|Table #5|Room 101b
Client|Server|Client 3|Client-7|client_9|Client of Ann|Client of x1f3k9|Client of root|Server of Bob
Client of user|Client of Ann Lee|Client of O'Neil|Client of ann.lee|Client of s1234567|Client of 42
Client of DESKTOP-4F2K|Client of LAPTOP-9Q1X|DESKTOP-4F2K|MacBook-Pro|raspberrypi|localhost|web01
ip-10-0-0-5|node3.example.org|alice@example.org|bob.smith@mail.example|ann+test@example.org|s1234567
u0012345|20231234|A0123456B|alice|bob|carol|dave|eve|mallory|trent|test|Test Client|TCP Client
Python client|Java Client|my client|Student|Student 12|student_a|Alice Smith|Bob the Builder|Q|X Æ
Иван|Мария Петрова|Клиент Ани|Анна-Мария|Ёлка|Олександр|Αλέξανδρος|Μαρία|Νίκος Παπαδόπουλος
محمد|فاطمة الزهراء|عميل آن|دانيال|שרה|דוד כהן|अनिता|प्रिया शर्मा|राजेश|சரவணன்|ธนาคาร|สมชาย ใจดี
김민준|이서연|클라이언트|田中太郎|さくら|タロウ|李|李雷|王小明|陈伟 的客户端|Nguyễn Văn An
Trần Thị Hồng
Ann 🙂|🙂|🦊 fox|Ann ❤|Bob the 2nd|Henry VIII|Ann & Bob|Ann/Bob|Ann and Bob|The Client|Foo|foo bar
Xi|Ng|Ng Wei Ling|Mr Bean|Mrs. Doubtfire|Sir Ann|Ann B.|Ann B. Lee|Ann L|bob_the_builder|neo
John Smith|john|JOHN|JOHN SMITH|jsmith|jsmith2|j.smith|J Smith|Smith, J.|Smith, John Q.
Maria José|Anna Sofia|Per-Erik|Karl Heinz|Hans-Peter Müller|François|Björk|Ólafur|Sinéad|Siobhán
Priya|Rahul|Wei|Xiuying|Hiroshi|Yuki|Kwame|Ngozi|Oluwaseun|Thabo|Ahmed|Fatima|Yusuf|Leila
alpha|beta|gamma|peer one|host-a|lab3-pc07|cs-lab-12|vm1|Ubuntu|Windows PC|iPhone|Pixel 7"""
PEOPLE = [name for row in NAMES.splitlines() for name in row.split("|")]
LONGER = [f"Client of {name}" for name in PEOPLE]

CLASSIC = [
    "{0},{1}\n",
    "{0}, {1}\n",
    "{0};{1}\r\n",
    "{0}:{1}\n",
    "{0}|{1}",
    "{0} {1}\n",
    "{0}\n{1}\n",
]
EVERY = [
    *CLASSIC,
    *("{1},{0}\n", "{1} {0}\n", "{1}\n{0}\n", "{0}/{1}", "{0}::{1}\n", "{0} -> {1}", "{0}~{1}\n"),
    *('"{0}",{1}\n', "({0}, {1})", "<{0},{1}>\n", "[{0}, {1}]", "Name: {0}, Number: {1}\n"),
    *(
        '{{"name": "{0}", "number": {1}}}',
        "['{0}', {1}]",
        "{0},{1}\0",
        "<name>{0}</name><no>{1}</no>",
    ),
]


def read(data: bytes) -> Message | None:
    decoder = Decoder()
    decoder.feed(data)
    try:
        received = decoder.take() or decoder.finish()
    except MessageError:
        return None
    return received.message if isinstance(received, Received) else None


def test_there_are_many_names() -> None:
    assert len(set(PEOPLE)) >= 150


@pytest.mark.parametrize("form", CLASSIC)
def test_the_names_of_people_are_believed(form: str) -> None:
    misread = {}
    for name in PEOPLE:
        if name[-1].isdigit() and form == "{0}\n{1}\n":
            continue  # the first line may be a message
        message = read(form.format(name, 42).encode())
        if message != Message(name, 42):
            misread[name] = message
    assert not misread


@pytest.mark.parametrize("form", EVERY)
def test_the_names_of_clients_are_believed_in_every_form(form: str) -> None:
    misread = {}
    for name in LONGER:
        if name[-1].isdigit() and form.startswith(("{0}\n", "{1}")):
            continue  # likewise, or the number at the end counts
        if name[-1] == "." and form.startswith(("{0}/", "{0}~")):
            continue  # the full stop is part of the separator
        message = read(form.format(name, 42).encode())
        if message != Message(name, 42):
            misread[name] = message
    assert not misread


@pytest.mark.parametrize("form", EVERY)
@pytest.mark.parametrize("number", [0, 101, -5, 12345])
def test_a_number_out_of_range_is_read_from_whoever_looks_meant(form: str, number: int) -> None:
    data = form.format("Client of Ann", number).encode()
    assert read(data) == Message("Client of Ann", number)


@pytest.mark.parametrize("data", [b"x,0\n", b"q:-5", b"B|101\n", b"7x 0", b"xq#101\n", b"a\n0\n"])
def test_what_may_be_noise_stops_nothing(data: bytes) -> None:
    assert read(data) is None


@pytest.mark.live
@pytest.mark.parametrize("word", ["ABC ", "A1B2 ", "ABc ", "1ab ", "Ab.", "a-", "AB, "])
def test_no_name_takes_long(tmp_path: Path, word: str) -> None:
    """What may match in two ways, in each of its words, would take for ever."""
    code = """if True:
        import sys
        from sumproto.core.dialects import Decoder
        from sumproto.core.message import MessageError
        for data in (f"{sys.argv[1] * 80}"[:250] + end for end in ("$x,42\\n", "!!!42")):
            decoder = Decoder()
            decoder.feed(data.encode())
            try:
                decoder.take() or decoder.finish()
            except MessageError:
                pass
    """
    assert run(sys.executable, "-c", code, word, cwd=tmp_path).returncode == 0


def test_noise_is_read_once_in_10000_times_at_most() -> None:
    """`benchmarks/noise.py` does the same with more."""
    chance = random.Random(20000)
    read_as: list[Message] = []
    for _ in range(20_000):
        size = chance.randint(1, 200)
        noise = chance.choice(
            [chance.randbytes(size), "".join(chance.choices(string.printable, k=size)).encode()]
        )
        read_as += [message for message in [read(noise)] if message]
    assert len(read_as) <= 4  # 2 are allowed on average
    assert all(in_range(message.number) for message in read_as)
