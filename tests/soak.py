"""A server under load and faults for a while; see docs/development.md.

Clients exchange in every dialect, or misbehave; in the middle the server is killed and started
again. Every reply is checked. Prints figures, and exits with 1 if anything was wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import socket
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import monotonic, sleep

from sumproto.core.dialects import (
    DIALECTS,
    REPLIES,
    WITHOUT_NEWLINE,
    Decoder,
    Dialect,
    Newline,
    Received,
)
from sumproto.core.message import Message

NAME = "Server of Soak"
OPTIONS = ("--quiet", "--stop-on", "never", "--idle-timeout", "2", "--name", NAME)

PATIENCE = 20.0
"""Seconds after which a client that waits takes it that what it waits for is lost."""


class Server:
    """The server, which can be killed and started again on the same port."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.port = 0
        self.lives = 0  # how often it was started or killed
        self.start()

    def start(self) -> None:
        twistd = (Path(sys.executable).parent / "twistd", "-n", "--pidfile=", "sumserver")
        self.process = subprocess.Popen(
            [*twistd, *OPTIONS, "--port", str(self.port)],
            cwd=self.folder,
            text=True,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout
        for line in self.process.stdout:
            if ready := re.search(r"ready to receive on \('127.0.0.1', (\d+)\)", line):
                self.port = int(ready[1])
                break
        self.lives += 1

    @property
    def is_down(self) -> bool:
        return self.process.returncode is not None

    def kill(self) -> None:
        self.lives += 1
        self.process.kill()
        self.process.communicate()

    def stop(self) -> str:
        """All that it has logged since it was ready."""
        self.process.terminate()
        return str(self.process.communicate()[0])

    @property
    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def figures(self) -> str:
        """Memory and descriptors now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return f"RSS {pages * 4096 / 2**20:.1f} MiB, {self.descriptors} descriptors"


class Wrong(Exception):
    """The server said what it must not, or kept from a client what it owed."""


class Client:
    """One connection after another, until the time is over."""

    def __init__(self, server: Server, seed: int, counts: Counter[str]) -> None:
        self.server = server
        self.random = random.Random(seed)
        self.counts = counts

    async def run(self, until: float) -> None:
        faults = [self.half_close, self.reset, self.garbage]
        behaviours = [self.exchange] * 60 + faults * 10 + [self.stall]  # a stall takes long
        while monotonic() < until:
            life = self.server.lives
            behave = self.random.choice(behaviours)
            self.owed = 0
            try:
                address = ("127.0.0.1", self.server.port)
                self.reader, self.writer = await asyncio.open_connection(*address)
                try:
                    await asyncio.wait_for(behave(), PATIENCE)
                finally:
                    self.writer.close()
            except (Wrong, OSError, EOFError, asyncio.TimeoutError) as error:
                killed = life != self.server.lives or self.server.is_down
                if isinstance(error, OSError | EOFError) and killed:
                    self.counts["failed"] += self.owed
                    await asyncio.sleep(0.05)
                else:
                    self.counts["wrong"] += 1
                    print(f"wrong: {behave.__name__}: {error!r}")

    # What clients do

    async def exchange(self) -> None:
        decoder = Decoder(REPLIES)
        for _ in range(self.random.randint(1, 5)):
            dialects = [
                DIALECTS[self.random.choice([*DIALECTS])]("\n")
                for _ in range(self.random.choice([1, 1, 1, 10, 300]))
            ]
            requests = self.requests(dialects)
            await asyncio.gather(self.send(requests), self.check_replies(decoder, dialects))

    async def half_close(self) -> None:
        option = self.random.choice([*set(DIALECTS) - WITHOUT_NEWLINE])
        dialect = DIALECTS[option]("")
        await self.send(self.requests([dialect]))
        self.writer.write_eof()
        decoder = Decoder(REPLIES)
        decoder.feed(await self.read_all())
        self.check(decoder.take() or decoder.finish(), dialect)

    async def reset(self) -> None:
        dialect = DIALECTS["comma"]("\n")
        await self.send(self.requests([dialect] * 50))
        self.counts["offered"] -= self.owed  # nobody waits for these
        connection = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def garbage(self) -> None:
        await self.send(b"\xff" + self.random.randbytes(self.random.randint(0, 3000)))
        self.writer.write_eof()
        self.check_error(await self.read_all(), b"malformed", b"too-long")

    async def stall(self) -> None:
        await self.send(b'{"name": "Client'[: self.random.randint(0, 16)])
        self.check_error(await self.read_all(), b"timeout")

    # What they need for it

    def requests(self, dialects: list[Dialect]) -> bytes:
        self.owed += len(dialects)
        self.counts["offered"] += len(dialects)
        number = self.random.randint(1, 100)
        return b"".join(dialect.encode(Message("Client of Soak", number)) for dialect in dialects)

    async def send(self, data: bytes) -> None:
        """Send `data` in segments of some size."""
        size = self.random.choice([1, 5, 50, 5000]) if len(data) < 1000 else 5000
        for start in range(0, len(data), size):
            self.writer.write(data[start : start + size])
            await self.writer.drain()

    async def read_all(self) -> bytes:
        return await self.reader.read(-1)

    async def check_replies(self, decoder: Decoder, dialects: list[Dialect]) -> None:
        for dialect in dialects:
            while not (received := decoder.take()) or isinstance(received, Newline):
                if not received:
                    data = await self.reader.read(65536)
                    if not data:
                        raise EOFError("closed without a reply")
                    decoder.feed(data)
            self.check(received, dialect)

    def check(self, received: Received | Newline | None, dialect: Dialect) -> None:
        """Count a reply, if it is what the server has to say in `dialect`."""
        if not isinstance(received, Received):
            raise EOFError("closed without a reply")
        message, mirrored = received
        if message.name != NAME or not 1 <= message.number <= 100:
            raise Wrong(message)
        if mirrored.encode(message).rstrip() != dialect.encode(message).rstrip():
            raise Wrong(mirrored.encode(message))
        self.owed -= 1
        self.counts["answered"] += 1

    def check_error(self, data: bytes, *codes: bytes) -> None:
        if not data:
            raise EOFError("closed without an error")
        if not any(code in data for code in codes) or data.lower().count(b"error") != 1:
            raise Wrong(data)


async def soak(server: Server, clients: int, seconds: float, seed: int) -> Counter[str]:
    counts: Counter[str] = Counter(offered=0, answered=0, failed=0, wrong=0)
    start = monotonic()
    running = [
        asyncio.create_task(Client(server, seed + number, counts).run(start + seconds))
        for number in range(clients)
    ]
    await asyncio.sleep(seconds / 2)
    print("before the kill: ", server.figures())
    server.kill()
    await asyncio.sleep(0.2)  # clients see that it is gone
    server.start()
    print("restarted:       ", server.figures())
    await asyncio.gather(*running)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        with socket.create_connection(("127.0.0.1", server.port)) as first:
            first.recv(1024)  # until its idle timeout: now the reactor has all it needs
            idle = server.descriptors - 1  # this connection, which is open until we close it
        print("started:         ", server.figures())
        counts = asyncio.run(soak(server, options.clients, options.seconds, options.seed))
        until = monotonic() + PATIENCE
        while server.descriptors > idle and monotonic() < until:
            sleep(0.1)  # the last connections are closing
        counts["wrong"] += server.descriptors - idle
        print("after the load:  ", server.figures())
        output = server.stop()
    print(*(f"{what} {number}" for what, number in counts.items()), sep=", ")
    if "Traceback" in output:
        print(output)
    if counts["wrong"] or "Traceback" in output:
        sys.exit(1)


if __name__ == "__main__":
    main()
