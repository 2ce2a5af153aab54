"""What pages and errors say is needed: one Python, and one way to install that a clone has."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

import pytest
from support import PROJECT

SETUP = ConfigParser()
SETUP.read(PROJECT / "setup.cfg")
EXTRAS = set(SETUP["options.extras_require"])
PYTHON = SETUP["options"]["python_requires"].removeprefix(">=")

PAGES = [
    *(PROJECT.glob("*.md")),
    *(PROJECT.glob("docs/*.md")),
    *(PROJECT.glob("examples/*.md")),
    *(PROJECT.glob(".github/**/*.yml")),
]
TEXTS = [*PAGES, PROJECT / ".ci" / "run", *PROJECT.glob("sumproto/**/*.py")]

FROM_A_CLONE = re.compile(
    r"""pip\ install                    # behind .venv/bin/ or in a venv that is active
    (\ --?[a-z-]+(\ [a-z_]+=[a-z]+)?)*  # options
    \ ( \.(?=[\s`&]|$) | '\.\[(?P<extra>[a-z]+)\]' )""",
    re.X,
)


def name(path: Path) -> str:
    return str(path.relative_to(PROJECT))


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_pip_installs_from_a_clone(path: Path) -> None:
    text = path.read_text()
    for said in re.finditer("pip3? install", text):
        line = text[said.start() :].partition("\n")[0]
        found = FROM_A_CLONE.match(line)
        assert found, f"pip install . or pip install '.[EXTRA]', not: {line}"
        assert found["extra"] is None or found["extra"] in EXTRAS


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_there_is_one_python_that_is_needed(path: Path) -> None:
    assert set(re.findall(r"Python\s+(3[\d.]*\d),?\s+or\s+later", path.read_text())) <= {PYTHON}


def test_the_readme_says_which_python_is_needed() -> None:
    assert f"Python {PYTHON} or later" in (PROJECT / "README.md").read_text()
