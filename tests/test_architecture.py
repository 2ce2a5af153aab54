"""The floors of the house: imports only go down, and the pure floors stay pure."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import sumproto

PACKAGE = Path(sumproto.__file__).parent

FLOORS = [
    {"message"},
    {"dialects", "defaults"},
    {"exchange"},
    {"observer"},
    {"receiver", "trace"},
    {"server", "client"},
    {"service"},
]
PURE = {"message", "dialects", "exchange", "observer"}
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")


def imports(module: str) -> tuple[set[str], set[str]]:
    """The names of our own modules, and of others' top packages, that `module` imports."""
    own: set[str] = set()
    others: set[str] = set()
    for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.module
            (own if node.level else others).add(node.module.split(".")[0])
        elif isinstance(node, ast.Import):
            others.update(alias.name.split(".")[0] for alias in node.names)
    return own, others


def test_every_module_has_its_floor() -> None:
    assert sorted(module for floor in FLOORS for module in floor) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_go_down(module: str) -> None:
    below: set[str] = set()
    for floor in FLOORS:
        if module in floor:
            break
        below |= floor
    assert imports(module)[0] <= below


@pytest.mark.parametrize("module", sorted(PURE))
def test_pure_modules_know_neither_twisted_nor_the_system(module: str) -> None:
    assert not imports(module)[1] & {"twisted", "zope", "os", "sys", "socket", "time", "threading"}


def test_the_package_imports_nothing() -> None:
    """Or ``python -m sumproto.client`` would warn of it."""
    assert imports("__init__") == (set(), set())
