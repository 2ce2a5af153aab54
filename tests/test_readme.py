"""The README's commands, run as they stand there."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
from support import INSTALLING, OUTSIDE, PROJECT, copy_project, run, wait_for_end

pytestmark = pytest.mark.live

README = (PROJECT / "README.md").read_text()
TRY, TEST = re.findall(r"^```sh\n(.*?)\n```$", README, re.M | re.S)
STOP = "python -m sumproto.client 101"


def shape(output: str) -> list[str]:
    """The lines of `output` without the names and numbers that differ from run to run."""
    return [re.sub(r"of .*|number: \d+|Sum: \d+", "", line) for line in output.splitlines()]


@pytest.fixture
def port_12000() -> None:
    try:
        socket.create_server(("127.0.0.1", 12000)).close()
    except OSError as error:
        pytest.skip(f"the README's port 12000 cannot be listened on: {error}")


@pytest.mark.usefixtures("port_12000")
def test_the_commands(tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project")
    done = run("bash", "-c", TRY, cwd=folder, timeout=INSTALLING, env=OUTSIDE)
    assert done.returncode == 0, done.stderr
    shown = re.search(r"^```\n(The server is.*?)^```$", README, re.M | re.S)
    assert shown
    assert shape(done.stdout) == shape(shown[1])
    client, server, total = map(int, re.findall(r"(?:number|Sum): (\d+)", done.stdout))
    assert client + server == total

    assert STOP in " ".join(README.split())
    pid = int((folder / "twistd.pid").read_text())
    assert run("bash", "-c", f".venv/bin/{STOP}", cwd=folder).returncode == 0
    wait_for_end(pid)
    assert not (folder / "twistd.pid").exists()

    # To run the tests within the tests would never end: it is enough that they are found.
    environment = {**OUTSIDE, "PYTEST_ADDOPTS": "--collect-only --quiet -n 0"}
    done = run("bash", "-c", TEST, cwd=folder, timeout=INSTALLING, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_readme.py::test_the_commands" in done.stdout
