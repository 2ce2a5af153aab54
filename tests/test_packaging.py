"""What an installation from the wheel has, seen from outside the checkout."""

from __future__ import annotations

import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from support import INSTALLING, OUTSIDE, PROJECT, copy_project, run, wait_for_end

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    copy = copy_project(folder / "project")
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps")
    done = run(*pip, copy, cwd=folder, timeout=INSTALLING)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_what_is_in_the_wheel(wheel: Path) -> None:
    names = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert "twisted/plugins/sumproto_plugin.py" in names
    assert {"sumproto/py.typed", "sumproto/wireshark/sumproto.lua"} <= names
    page = {f"sumproto/web/page/{path.name}" for path in (PROJECT / "sumproto/web/page").iterdir()}
    assert len(page) == 4
    assert page <= names
    assert {name.split("/")[0] for name in names} == {"sumproto", "twisted"}
    # These would overwrite Twisted's own, and uninstalling would delete them.
    assert not names & {"twisted/__init__.py", "twisted/plugins/__init__.py"}


def test_twistd_of_a_clean_venv(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    assert run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=tmp_path).returncode == 0
    pip = (sys.executable, "-m", "pip", "--python", venv, "install", "--quiet")
    done = run(*pip, wheel, cwd=tmp_path, timeout=INSTALLING, env=OUTSIDE)
    assert done.returncode == 0, done.stderr
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    started = run(
        venv / "bin/twistd", "sumserver", "--listen", "unix:sock", cwd=elsewhere, env=OUTSIDE
    )
    assert started.returncode == 0, started.stderr
    pid = int((elsewhere / "twistd.pid").read_text())
    asked = run(
        venv / "bin/sumclient", "--connect", "unix:sock", "42", "101", cwd=elsewhere, env=OUTSIDE
    )
    assert asked.returncode == 0, asked.stderr
    assert "Sum: " in asked.stdout
    assert asked.stdout.endswith("Server is stopping: 101 is out of range\n")
    wait_for_end(pid)
