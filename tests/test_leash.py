"""What tests start ends with pytest."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import leash
import pytest
from support import running, wait_for_end

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no Linux /proc"),
]

PYTEST = """
import subprocess, sys
import leash
let_go = leash.hold(leash.tag_children())
subprocess.run(["sh", "-c", "setsid sleep 1000 & echo $!"])
input()
let_go()
"""
"""Stands for pytest: it starts a daemon, whose id it prints, and ends by a line or ``kill -9``."""


@pytest.mark.parametrize("killed", [False, True])
def test_a_daemon_ends_with_pytest(tmp_path: Path, killed: bool) -> None:
    path = {**os.environ, "PYTHONPATH": str(Path(leash.__file__).parent)}
    del path[leash.TAG]
    program = (sys.executable, "-c", PYTEST)
    with running(*program, cwd=tmp_path, env=path, stdin=-1, stdout=-1) as process:
        assert process.stdin
        assert process.stdout
        daemon = int(process.stdout.readline())
        os.kill(daemon, 0)  # it runs
        if killed:
            process.kill()
        else:
            process.stdin.write("\n")
            process.stdin.flush()
        wait_for_end(daemon)


def test_carriers_of_a_tag(tmp_path: Path) -> None:
    with running("sleep", "1000", cwd=tmp_path) as process:
        assert leash.carriers(os.environ[leash.TAG])[process.pid] == "sleep 1000 "
        assert process.pid not in leash.carriers("other")
    assert process.pid not in leash.carriers("")
