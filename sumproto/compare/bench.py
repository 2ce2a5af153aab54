"""One run: a server, the network to it, and the load. A program, so that all of it ends with it.

It is given a `Setup` as JSON and the process to end with, and prints a JSON value a line: now and
then how many exchanges have ended, at last the fields of the `Result`, or why there is none.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react

from ..unix import resource
from .load import Load
from .network import (
    FAR,
    NEAR,
    NoNetwork,
    end_with,
    enter_namespaces,
    move_to_another_host,
    open_device,
    reuse_ports,
)
from .result import Setup

LOOPBACK = "127.0.0.1"

_TWISTD = "import sys; from twisted.scripts.twistd import run; sys.exit(run())"
_READY = re.compile(r"ready to receive datagrams on \('[^']*', (\d+)\)")

_STEPS = 100
"""How often the progress is told."""


class Server:
    """A ``twistd sumserver`` at `host`, over TCP and UDP."""

    def __init__(self, host: str) -> None:
        options = ("--udp", "--quiet", "--host", host, "--port", "0")
        name = ("--name", "Server of Bob", "--number", "58")
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TWISTD, "-n", "--pidfile=", "sumserver", *options, *name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=partial(end_with, os.getpid()),
        )

    def port(self) -> int:
        """Its port, when it is ready. Raises `NoNetwork` if it ends instead."""
        assert self._process.stdout is not None
        line = ""
        for line in self._process.stdout:
            if ready := _READY.search(line):
                # Otherwise its log would fill the pipe and block it.
                threading.Thread(target=self._process.stdout.read, daemon=True).start()
                return int(ready[1])
        raise NoNetwork(f"the server ended: {line.strip()}")

    def resent_segments(self) -> int:
        """How many TCP segments its host has sent again."""
        return _resent_segments(str(self._process.pid))


Counters = dict[str, int]


class Loopback:
    """The network of this host. Whatever else uses it is counted as well."""

    def __init__(self) -> None:
        self.server = Server(LOOPBACK)
        self.host = LOOPBACK
        self.settling = 0.05

    def start(self) -> None:
        """From now on, packets are counted."""
        self._before = self._count()

    def stop(self) -> Counters:
        """What has been sent since the start."""
        return {key: value - self._before[key] for key, value in self._count().items()}

    def _count(self) -> Counters:
        fields = re.findall(r"\d+", _read("/proc/net/dev").partition("lo:")[2])
        resends = _resent_segments("self")
        return {"bytes": int(fields[0]), "packets": int(fields[1]), "resends": resends}


class Link:
    """Two hosts, and between them a link with delay and loss. Raises `NoNetwork`."""

    def __init__(self, setup: Setup) -> None:
        enter_namespaces()
        far = open_device(FAR)
        self.server = Server(FAR)  # stays at FAR
        move_to_another_host()
        near = open_device(NEAR)
        reuse_ports()
        self.host = FAR
        self.settling = 0.05 + 4 * (setup.delay or 0)
        how = (near, far, setup.delay or 0, setup.loss or 0, setup.seed)
        self._forwarder = subprocess.Popen(
            [sys.executable, "-m", "sumproto.compare.forwarder", *map(str, how)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=(near, far),
        )

    def start(self) -> None:
        """Nothing has been sent so far."""

    def stop(self) -> Counters:
        """What has been sent since the start."""
        counted, _ = self._forwarder.communicate()
        resends = _resent_segments("self") + self.server.resent_segments()
        return {**json.loads(counted), "resends": resends}


def _resent_segments(process: str) -> int:
    """How many TCP segments the host of `process` has sent again."""
    names, values = re.findall(r"^Tcp: (.*)", _read(f"/proc/{process}/net/snmp"), re.M)
    return int(values.split()[names.split().index("RetransSegs")])


def _read(counters: str) -> str:
    """The kernel's `counters`. Raises `NoNetwork`."""
    try:
        return Path(counters).read_text()
    except OSError as error:
        raise NoNetwork(f"{counters}: {error.strerror}") from None


async def run(reactor: Any, setup: Setup, network: Loopback | Link) -> None:
    """Put the load on `network`, and print its progress and the result."""
    ended = 0

    def progress() -> None:
        nonlocal ended
        ended += 1
        if ended % max(1, setup.exchanges // _STEPS) == 0:
            _print(ended)

    port = network.server.port()
    load = Load(reactor, network.host, port, setup.exchanges, setup.concurrency, progress)
    network.start()
    begun = time.perf_counter()
    await load.run(setup.way)
    seconds = time.perf_counter() - begun
    await deferLater(reactor, network.settling)  # the last packets are still to come
    counted = network.stop()
    _print(
        {
            "seconds": seconds,
            "latencies": load.latencies,
            "failures": load.failures,
            "resends": load.resends + counted["resends"],
            "packets": counted["packets"],
            "bytes": counted["bytes"],
        }
    )


def _print(value: object) -> None:
    print(json.dumps(value), flush=True)


def main() -> None:
    """What ``python -m sumproto.compare.bench`` runs."""
    end_with(int(sys.argv[2]))
    setup = Setup(**json.loads(sys.argv[1]))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        network = Loopback() if setup.delay is None else Link(setup)
        react(lambda reactor: Deferred.fromCoroutine(run(reactor, setup, network)))
    except NoNetwork as error:
        _print(str(error))


if __name__ == "__main__":
    main()
