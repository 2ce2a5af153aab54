"""Whether the pidfile of twistd is that of another process."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from .core import escape
from .processes import in_words, may_be_twistd


def check_pidfile(path: str | None) -> None:
    """Raises `SystemExit` if `path` is the pidfile of a process that runs.

    twistd would end as well, but with the number alone.
    """
    try:
        pid = int(Path(path or "").read_text())
        if pid <= 0:  # which stands for a group of processes
            return
        os.kill(pid, 0)
    except (OSError, ValueError, OverflowError):  # which is for twistd to tell, or to remove
        return
    where = shlex.quote(escape(str(path)))
    if may_be_twistd(pid):
        raise SystemExit(
            f"twistd sumserver: {where} is that of {in_words(pid)}; end it with: kill {pid}; or "
            "start a second server, with files and a port of its own: "
            "twistd --pidfile=second.pid --logfile=second.log sumserver --port 12001"
        )
    raise SystemExit(
        f"twistd sumserver: {where} has the number of {in_words(pid)}, "
        f"which does not run a server; if no server runs, remove it: rm {where}"
    )
