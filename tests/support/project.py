"""The checkout that is tested, and how long tests wait."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

PATIENCE = 30.0
"""Seconds after which a test fails that waits for what should come at once."""

INSTALLING = 300.0
"""Seconds that pip may take."""

OUTSIDE = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
"""An environment in which only what is installed can be imported."""


def copy_project(to: Path) -> Path:
    """A copy of the project as git would check it out, for commands that leave traces."""
    left_out = (PROJECT / ".gitignore").read_text().replace("/\n", "\n").split()
    shutil.copytree(PROJECT, to, ignore=shutil.ignore_patterns(".git", *left_out))
    return to
