"""The comparison: its parts, and real runs over loopback and between two network namespaces."""

from __future__ import annotations

import json
import math
import os
import pty
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any
from xml.etree import ElementTree

import pytest
from support import PATIENCE, run, running, wait_for_end

from sumproto.compare.forwarder import Direction, forward
from sumproto.compare.plot import plot
from sumproto.compare.result import Result, Setup
from sumproto.compare.show import Screen

COMPARE = (sys.executable, "-m", "sumproto.compare")
COMPARING = 120.0
"""Seconds that a run may take: matplotlib looks for fonts when it is first imported."""

IPV4 = b"\x45" + bytes(39)
IPV6 = b"\x60" + bytes(39)


# The link


def pattern(seed: str, loss: float) -> list[bool]:
    """Which of 200 packets get through."""
    direction = Direction(0, loss, Random(seed))
    through = []
    for _ in range(200):
        direction.take(IPV4, 0)
        through.append(bool(direction.due(0)))
    assert direction.packets == 200
    assert direction.bytes == 8000
    return through


@pytest.mark.live
def test_the_same_seed_loses_the_same_packets() -> None:
    assert pattern("1 there", 0.3) == pattern("1 there", 0.3)
    assert pattern("1 there", 0.3) != pattern("2 there", 0.3)
    assert 30 < pattern("1 there", 0.3).count(False) < 90


def test_no_loss_loses_nothing() -> None:
    assert all(pattern("1 there", 0))


def test_packets_are_delayed_in_order() -> None:
    direction = Direction(0.5, 0, Random(1))
    assert direction.next_due() is None
    direction.take(IPV4 + b"1", 10.0)
    direction.take(IPV4 + b"2", 10.2)
    assert direction.next_due() == 10.5
    assert direction.due(10.4) == []
    assert direction.due(10.5) == [IPV4 + b"1"]
    assert direction.due(11) == [IPV4 + b"2"]


def test_what_ipv6_says_of_itself_is_not_counted() -> None:
    direction = Direction(0, 0, Random(1))
    direction.take(IPV6, 0)
    assert direction.packets == 0
    assert direction.due(0) == []


def test_forwarding_both_ways_until_told() -> None:
    ends = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2)]
    (near, near_device), (far, far_device) = ends
    for device in near_device, far_device:
        device.setblocking(False)
    for end in near, far:
        end.settimeout(PATIENCE)
    until, told = os.pipe()
    there, back = Direction(0.01, 0, Random(1)), Direction(0, 0, Random(1))
    now = iter(range(10_000))
    thread = threading.Thread(
        target=forward,
        args=(near_device.fileno(), far_device.fileno(), until, there, back, lambda: next(now)),
    )
    thread.start()
    near.send(IPV4 + b"there")
    assert far.recv(1500) == IPV4 + b"there"
    far.send(IPV4 + b"back")
    assert near.recv(1500) == IPV4 + b"back"
    os.close(told)
    thread.join(PATIENCE)
    assert not thread.is_alive()
    os.close(until)
    for pair in ends:
        for sock in pair:
            sock.close()


# The figures

SETUP = Setup("udp", 10, 1, 0.01, 0.05, 1)


def result(*latencies: float) -> Result:
    failures = SETUP.exchanges - len(latencies)
    return Result(SETUP, 2.0, list(latencies), failures, 3, 20, 920)


@pytest.mark.parametrize(
    ("percent", "latency"), [(0, 1), (10, 1), (50, 5), (90, 9), (99, 10), (100, 10)]
)
def test_percentiles(percent: float, latency: float) -> None:
    assert result(10, 9, 8, 7, 6, 5, 4, 3, 2, 1).percentile(percent) == latency


def test_figures() -> None:
    assert result(1, 2).rate == 1
    assert result().each(20) == 2
    assert math.isnan(result().percentile(50))


# The picture


def texts(picture: Path) -> list[str]:
    """What can be read in an SVG."""
    elements = ElementTree.parse(picture).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(element.itertext()) for element in elements]


def test_the_loss_curve_says_what_was_measured_and_what_is_left_out(tmp_path: Path) -> None:
    losses = (0.0, 0.01, 0.05, 0.2)
    setups = [
        Setup(way, 10, 1, 0.01, loss, 1) for loss in losses for way in ("udp", "udp-no-resend")
    ]
    results = [Result(setup, 2.0, [0.02] * 9, 1, 0, 20, 920) for setup in setups]
    plot(results, tmp_path / "plot.svg")
    shown = texts(tmp_path / "plot.svg")
    assert "UDP" in shown
    assert "UDP, no resends" in shown
    assert any("p99" in text for text in shown)
    assert any("the lost are left out" in text for text in shown)
    for start in (place for place, text in enumerate(shown) if text.startswith("% of packets")):
        assert shown[start - len(losses) : start] == ["0", "1", "5", "20"]


def test_a_slow_exchange_leaves_room_for_the_others(tmp_path: Path) -> None:
    plot([result(*[0.001] * 9, 0.5)], tmp_path / "slow.svg")
    assert "milliseconds, on a logarithmic axis" in texts(tmp_path / "slow.svg")
    plot([result(*[0.021] * 9, 0.042)], tmp_path / "even.svg")
    assert "milliseconds" in texts(tmp_path / "even.svg")


def test_a_picture_of_failures_alone(tmp_path: Path) -> None:
    plot([result()], tmp_path / "plot.svg")
    assert "Latency at 5 % loss" in texts(tmp_path / "plot.svg")


# The program


def compare(cwd: Path, *options: str) -> tuple[str, list[Result]]:
    """What a run prints, and its results; skips the test where there can be no namespaces."""
    file = cwd / "results.json"
    command = (*COMPARE, "--json", str(file), *options)
    done = run(*command, cwd=cwd, timeout=COMPARING)
    if "cannot be had" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    fields: list[dict[str, Any]] = json.loads(file.read_text())
    return done.stdout, [Result(Setup(**each.pop("setup")), **each) for each in fields]


@pytest.mark.live
def test_over_loopback(tmp_path: Path) -> None:
    options = ("--exchanges", "40", "--concurrency", "4", "--plot", "plot.png")
    table, results = compare(tmp_path, *options)
    assert [one.setup.way for one in results] == ["tcp-each", "tcp-one", "udp"]
    for one in results:
        assert len(one.latencies) == 40
        assert one.failures == 0
        assert one.packets >= 80  # others may use the loopback device, too
    for way in "TCP, a connection each", "TCP, one connection", "UDP":
        assert re.search(rf"^ *{way} +- ", table, re.M)
    assert "\x1b" not in table  # no bar, no colours
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.live
def test_with_delay_and_loss(tmp_path: Path) -> None:
    options = ("--exchanges", "40", "--concurrency", "20", "--delay", "20", "--no-resend")
    table, results = compare(tmp_path, *options, "--loss", "5,0,5", "--plot", "plot.svg")
    ways = ["tcp-each", "tcp-one", "udp", "udp-no-resend"]
    assert [one.setup.way for one in results] == ways + ways
    each, one_connection, udp, no_resends = results[:4]
    # With no loss, the handshake is one round trip more.
    assert min(each.latencies) >= 0.08
    assert min(one_connection.latencies) >= 0.04
    assert min(udp.latencies) >= 0.04
    assert each.packets > one_connection.packets > udp.packets == no_resends.packets == 80
    headers = 2 * (20 + 8)  # of IP and UDP
    messages = [f"Client of Ann,{number}\r\nServer of Bob,58\r\n" for number in range(1, 41)]
    assert udp.bytes == sum(headers + len(message) for message in messages)
    assert [one.failures for one in results[:4]] == [0, 0, 0, 0]
    # With loss: who resends gets there in the end, or nearly always, and who does not does not.
    each, one_connection, udp, no_resends = results[4:]
    assert each.resends > 0
    assert udp.resends > 0
    assert no_resends.resends == 0
    assert no_resends.failures > udp.failures
    assert len(no_resends.latencies) + no_resends.failures == 40
    assert re.search(r"UDP, no resends +5 %", table)
    assert "UDP, no resends" in texts(tmp_path / "plot.svg")


def descendants(pid: int) -> set[int]:
    """The processes that `pid` has started, and that these have."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in {pid, *found}} - found:
        found |= more
    return found


def test_a_figure_in_each_column(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().show([result(0.001, 0.5), result(), result(*[12345.6789] * 10)])
    out = capsys.readouterr().out.splitlines()
    assert [" ".join(line.split()) for line in out if " % " in line] == [
        "UDP 5 % 1 1.0 500.0 500.0 500.0 92 2.0 3 8",
        "UDP 5 % 0 - - - - 92 2.0 3 10",
        "UDP 5 % 5 12345678.9 12345678.9 12345678.9 12345678.9 92 2.0 3 0",
    ]


@pytest.mark.live
def test_files_are_written_even_if_the_table_cannot_be_shown(tmp_path: Path) -> None:
    command = (*COMPARE, "--exchanges", "5", "--json", "results.json")
    with Path("/dev/full").open("w") as full:
        done = run(
            *command,
            cwd=tmp_path,
            timeout=COMPARING,
            capture_output=False,
            stdout=full,
            stderr=subprocess.PIPE,
        )
    assert done.returncode == 1
    assert done.stderr == "python -m sumproto.compare: cannot print: No space left on device\n"
    assert len(json.loads((tmp_path / "results.json").read_text())) == 3


@pytest.mark.live
def test_with_no_stdout(tmp_path: Path) -> None:
    command = f"{sys.executable} -m sumproto.compare --exchanges 5 --json results.json >&-"
    done = run("sh", "-c", command, cwd=tmp_path, timeout=COMPARING)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "results.json").exists()


@pytest.mark.live
def test_more_at_a_time_than_the_usual_limit_on_open_files(tmp_path: Path) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= most < 600:
        pytest.skip("the limit on open files cannot be raised")
    setup = Setup("udp", 500, 500, None, None, 1)
    command = 'ulimit -Sn 256; exec "$0" -m sumproto.compare.bench "$1" $PPID'
    done = run("bash", "-c", command, sys.executable, json.dumps(asdict(setup)), cwd=tmp_path)
    assert done.stderr == ""
    assert json.loads(done.stdout.splitlines()[-1])["failures"] == 0


@pytest.mark.live
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="there is no /proc")
def test_killed_at_once_it_leaves_nothing(tmp_path: Path) -> None:
    command = (*COMPARE, "--exchanges", "100000")
    with running(*command, cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        deadline = monotonic() + COMPARING
        while not (started := descendants(process.pid)):
            assert monotonic() < deadline
    for pid in started:
        wait_for_end(pid)


@pytest.mark.live
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_when_interrupted_nothing_is_left(tmp_path: Path, how: signal.Signals) -> None:
    terminal, ours = pty.openpty()
    with running(
        *(*COMPARE, "--exchanges", "100000", "--delay", "10"),
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        stdout=ours,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(ours)
        shown = ""
        while not re.search(r"TCP, a connection each.* [1-9]%", shown):
            assert select.select([terminal], [], [], COMPARING)[0]
            try:
                shown += os.read(terminal, 65536).decode()
            except OSError:  # it has ended
                assert process.stderr
                error = process.stderr.read()
                assert "cannot be had" in error
                process.communicate()
                pytest.skip(error.strip())
        started = descendants(process.pid)
        assert len(started) == 3  # the run, the server, the link: the namespaces are theirs
        process.send_signal(how)
        _, error = process.communicate(timeout=PATIENCE)
        os.close(terminal)
        if how == signal.SIGINT:
            assert process.returncode == 130
            assert error == "python -m sumproto.compare: interrupted\n"
    for pid in started:
        wait_for_end(pid)


@pytest.mark.live
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--exchanges", "0"], "0 is not in 1..1000000"),
        (["--concurrency", "x"], "'x' is not an integer"),
        (["--delay", "-1"], "'-1' is not a number of milliseconds"),
        (["--loss", "0,x"], "'x' is not a number of percent"),
        (["--delay", "1e300"], "with more than 5000 ms most exchanges would fail"),
        (["--concurrency", "1001"], "1001 is not in 1..1000"),
        (["--loss", "100"], "with all packets lost there is nothing to compare"),
        (["--plot", "plot.gif"], "'plot.gif' ends neither in .png nor in .svg"),
        (["--json", "no/such/folder"], "'no/such/folder' cannot be written"),
        (["--json", "."], "'.' cannot be written"),
    ],
)
def test_usage_errors(tmp_path: Path, arguments: list[str], complaint: str) -> None:
    done = run(*COMPARE, *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.endswith(f": {complaint} (try --help)\n")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.live
def test_without_the_extra(tmp_path: Path) -> None:
    without = "import runpy, sys; sys.modules['rich'] = None; runpy.run_module('sumproto.compare')"
    done = run(sys.executable, "-c", without.replace("')", "', run_name='__main__')"), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.endswith("is not installed: pip install '.[compare]'\n")
    assert done.stderr.count("\n") == 1
