"""What a name and a number may be."""

import pytest

from sumproto.core.message import (
    MAX_NAME,
    Malformed,
    OutOfRange,
    ReportedError,
    parse_name,
    parse_number,
    shorten,
)


@pytest.mark.parametrize(
    ("text", "number"),
    [("42", 42), ("+5", 5), ("-5", -5), ("007", 7), ("0", 0), ("9" * 4000, int("9" * 4000))],
)
def test_number(text: str, number: int) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize("text", ["", "42.0", "1e2", "1_0", "٤٢", "²", "--5", " 42", "0x2A"])
def test_not_a_number(text: str) -> None:
    with pytest.raises(Malformed, match="is not an integer"):
        parse_number(text)


def test_more_digits_than_int_takes_are_out_of_range() -> None:
    with pytest.raises(OutOfRange, match=r"5000 characters\) is out of range"):
        parse_number("9" * 5000)
    assert parse_number("-" + "0" * 5000 + "7") == -7
    assert parse_number("+" + "0" * 5000) == 0


def test_zeros_are_looked_at_once() -> None:
    """Looked at from each zero on, as many as these would take hours."""
    with pytest.raises(Malformed, match="1000001 characters"):
        parse_number("0" * 1_000_000 + "x")


@pytest.mark.parametrize(
    ("text", "name"), [("Ann", "Ann"), (" \tAnn Lee ", "Ann Lee"), ("x" * MAX_NAME, "x" * MAX_NAME)]
)
def test_name(text: str, name: str) -> None:
    assert parse_name(text) == name


@pytest.mark.parametrize(
    "text", ["", " \t", "x" * 256, "A\x1b[31m", "A\nB", "A\0", "A\udc80", "A\u202eB", "A\x85"]
)
def test_not_a_name(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_name(text)
    assert str(caught.value).isprintable()


def test_explanations_are_short_and_printable() -> None:
    assert shorten("A\x1b[31m\udc80") == r"A\x1b[31m\udc80"
    assert shorten("é" * 40) == "é" * 40
    assert shorten("é" * 41) == "é" * 40 + "... (41 characters)"
    assert str(ReportedError("busy", "\x1b[31m")) == r"\x1b[31m"
