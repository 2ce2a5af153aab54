"""Deadlines on a clock."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from sumproto.deadline import TURNS, Deadline, Deadlines


class Fake:
    """Deadlines of 10 s, whose have passed, and for whom the kernel has something."""

    def __init__(self, seconds: float = 10) -> None:
        self.clock = Clock()
        self.passed: list[str] = []
        self.unread: list[str] = []
        self.deadlines = Deadlines(
            self.clock, seconds, self.passed.append, lambda who: who in self.unread
        )


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_what_had_come_is_read_first(turns: int) -> None:
    """A call of the clock at once is what a turn of the reactor is."""
    clock = Clock()
    passed: list[float] = []
    unread = [b"piece"] * turns

    def read() -> bool:
        return bool(unread and unread.pop())

    Deadline(clock, 1, lambda: passed.append(len(unread)), read)
    clock.advance(1)
    assert passed == [0]


def test_who_never_ends_sending_gains_no_more_than_some_turns() -> None:
    clock = Clock()
    asked: list[None] = []
    passed: list[None] = []

    def unread() -> bool:
        asked.append(None)
        return True

    Deadline(clock, 1, lambda: passed.append(None), unread)
    clock.advance(1)
    assert passed
    assert len(asked) < TURNS


def test_a_deadline_can_be_cancelled_while_what_had_come_is_read() -> None:
    clock = Clock()
    passed: list[None] = []
    deadline = Deadline(clock, 1, lambda: passed.append(None))
    clock.callLater(1, deadline.cancel)
    clock.advance(1)
    deadline.cancel()
    assert not passed
    assert not clock.getDelayedCalls()


def test_each_has_its_seconds() -> None:
    fake = Fake()
    fake.deadlines.set("Ann")
    fake.clock.advance(4)
    fake.deadlines.set("Bob")
    fake.clock.advance(4)
    fake.deadlines.set("Ann")
    fake.deadlines.set("Cid")
    fake.deadlines.clear("Cid")
    fake.clock.advance(6)
    assert fake.passed == ["Bob"]
    fake.clock.advance(4)
    assert fake.passed == ["Bob", "Ann"]
    assert not fake.clock.getDelayedCalls()


def test_there_is_one_timer_for_all() -> None:
    fake = Fake()
    for who in "Ann", "Bob", "Cid":
        fake.deadlines.set(who)
        fake.clock.advance(1)
    assert len(fake.clock.getDelayedCalls()) == 1
    for who in "Ann", "Bob", "Cid", "Dan":
        fake.deadlines.clear(who)
    assert not fake.clock.getDelayedCalls()


@pytest.mark.parametrize("change", [Deadlines.set, Deadlines.clear])
def test_who_was_heard_in_time_has_not_missed_it(change: object) -> None:
    fake = Fake()
    fake.deadlines.set("Ann")
    assert callable(change)
    fake.clock.callLater(12, change, fake.deadlines, "Ann")
    fake.clock.advance(12)
    assert not fake.passed
    fake.clock.advance(10)
    assert fake.passed == (["Ann"] if change is Deadlines.set else [])


def test_all_may_be_due_at_once() -> None:
    fake = Fake()
    for who in "Ann", "Bob":
        fake.deadlines.set(who)
    fake.unread = ["Ann"]
    fake.clock.advance(10)
    assert fake.passed == ["Bob", "Ann"]


def test_zero_seconds_never_pass() -> None:
    fake = Fake(0)
    fake.deadlines.set("Ann")
    assert not fake.clock.getDelayedCalls()
