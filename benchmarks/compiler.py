"""The programs in C, which are compiled anew for each run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent


class CannotCompile(Exception):
    """There is no compiler, or it fails; the text says which."""


def compiled(name: str, folder: Path) -> Path:
    """The program of the source `name` in this folder, which is made in `folder`.

    Raises `CannotCompile`.
    """
    program = folder / Path(name).stem
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise CannotCompile("there is no C compiler")
    command = (compiler, "-O2", "-o", str(program), str(HERE / name))
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise CannotCompile(f"{compiler} cannot compile {name}")
    return program
