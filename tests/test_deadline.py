"""Deadlines on a clock."""

from __future__ import annotations

from itertools import pairwise

import pytest
from twisted.internet.task import Clock

from sumproto.deadline import (
    AT_ONCE,
    BEATS,
    PERIOD,
    SHORTEST_SLEEP,
    TURNS,
    Deadline,
    Deadlines,
    Pulse,
)


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


def test_many_that_are_due_pass_a_few_in_a_turn() -> None:
    fake = Fake()
    for number in range(3 * AT_ONCE):
        fake.deadlines.set(str(number))
    passed = [0]

    def turn() -> None:
        passed.append(len(fake.passed))
        if len(passed) < 20:
            fake.clock.callLater(0, turn)

    fake.clock.callLater(10, turn)
    fake.clock.advance(10)
    assert fake.passed == [str(number) for number in range(3 * AT_ONCE)]
    assert max(after - before for before, after in pairwise(passed)) == AT_ONCE


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


class Sleeper:
    """A process with a pulse, that may sleep: then no call comes, and the time goes on."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.pulse = Pulse(self.clock)
        self.pulse.start()

    def wake(self, seconds: float) -> None:
        """Be awake for so long, in turns of the reactor."""
        self.clock.pump([PERIOD] * round(seconds / PERIOD))

    def sleep(self, seconds: float) -> None:
        self.clock.rightNow += seconds


def test_a_sleep_is_noticed_before_the_first_call_and_until_all_is_read() -> None:
    process = Sleeper()
    process.wake(1)
    assert process.pulse.sleep == 0
    process.sleep(5)
    assert process.pulse.sleep >= 5
    process.clock.advance(0)
    process.sleep(1)
    for _ in range(BEATS):
        assert process.pulse.sleep >= 5
        process.wake(PERIOD)
    process.wake(PERIOD)
    assert process.pulse.sleep == 0
    process.pulse.stop()
    assert not process.clock.getDelayedCalls()
    process.sleep(5)
    assert process.pulse.sleep == 0


def test_a_busy_turn_is_no_sleep() -> None:
    process = Sleeper()
    process.sleep(SHORTEST_SLEEP)
    assert process.pulse.sleep == 0
    assert process.pulse.seconds() == SHORTEST_SLEEP


def test_what_the_process_sleeps_does_not_count() -> None:
    process = Sleeper()
    passed: list[float] = []
    Deadline(process.pulse, 1, lambda: passed.append(process.clock.seconds()))
    process.wake(0.5)
    process.sleep(5)
    before = process.pulse.seconds()
    process.clock.advance(0)
    assert process.pulse.seconds() == pytest.approx(before)
    process.sleep(5)
    process.wake(2)
    (when,) = passed
    assert 10.5 <= when <= 11.1


def test_many_deadlines_do_not_count_it_either() -> None:
    process = Sleeper()
    passed: list[str] = []
    deadlines = Deadlines(process.pulse, 1, passed.append, lambda who: False)
    deadlines.set("Ann")
    process.sleep(5)
    process.wake(0.5)
    assert not passed
    process.wake(1)
    assert passed == ["Ann"]
