"""Ends what tests start as soon as pytest ends, even by ``kill -9``.

All that a test starts inherits a tag in its environment, and so does a daemon. The leash is a
process that waits for the end of pytest, and then kills what carries the tag. It looks for that in
/proc, which only Linux has.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

TAG = "SUMPROTO_TESTS"
"""The environment variable that holds the tag."""


def tag_children() -> str:
    """Have what this process starts carry a tag of its own, behind the one this process carries."""
    os.environ[TAG] = os.environ.get(TAG, "") + uuid4().hex
    return os.environ[TAG]


def carriers(tag: str) -> dict[int, str]:
    """The ids and the commands of the processes that carry `tag`, or one that begins with it."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is of another user
            if f"{TAG}={tag}".encode() in (process / "environ").read_bytes():
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(process.name)] = command.decode(errors="replace")
    return found


def hold(tag: str) -> Callable[[], None]:
    """Start the leash for `tag`, and return what lets it go and waits until all has ended."""
    leash = subprocess.Popen(
        [sys.executable, __file__, tag],
        stdin=subprocess.PIPE,
        env={key: value for key, value in os.environ.items() if key != TAG},
        start_new_session=True,  # Ctrl-C is for pytest
    )

    def let_go() -> None:
        leash.communicate()

    return let_go


def main() -> None:
    sys.stdin.read()  # until pytest ends, or lets go
    while processes := carriers(sys.argv[1]):
        for process in processes:
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)


if __name__ == "__main__":
    main()
