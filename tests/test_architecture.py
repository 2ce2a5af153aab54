"""The floors of the house: imports only go down, and the pure floors stay pure."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import sumproto

PACKAGE = Path(sumproto.__file__).parent

FLOORS = [
    {"message", "foreign"},
    {"dialects.base", "options", "rotation", "wireshark"},
    {"dialects.text", "dialects.objects"},
    {"dialects.records"},
    {"dialects"},
    {"exchange", "sources"},
    {"observer", "replies"},
    {"deadline", "twisted_gaps"},
    {
        "connections",
        "log",
        "receiver",
        "responder",
        "report",
        "signals",
        "trace",
        "journal.writer",
        "journal.summary",
    },
    {"journal", "journal.__main__", "web.hints", "web.tally"},
    {"server", "datagram", "datagram_client", "wrapped", "web.live", "web.metrics"},
    {"client", "listeners"},
    {"web.site"},
    {"web"},
    {"service", "compare", "compare.result", "compare.network", "compare.forwarder"},
    {"compare.load"},
    {"compare.bench", "compare.show", "compare.plot"},
    {"compare.__main__"},
]
PURE = {
    "message",
    "foreign",
    "dialects",
    "exchange",
    "sources",
    "observer",
    "replies",
    "web.hints",
    "web.tally",
}

SOURCES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}
MODULES = sorted(set(SOURCES) - {"__init__"})


def imports(module: str) -> tuple[set[str], set[str]]:
    """Our own modules, and the top packages of others, that `module` imports."""
    own: set[str] = set()
    others: set[str] = set()
    path = SOURCES[module]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1].relative_to(PACKAGE)
            own.add(".".join([*folder.parts, *(node.module or "").split(".")]))
        elif isinstance(node, ast.ImportFrom):
            others.add(str(node.module).split(".")[0])
        elif isinstance(node, ast.Import):
            others.update(alias.name.split(".")[0] for alias in node.names)
    return own, others


def test_every_module_has_its_floor() -> None:
    assert sorted(module for floor in FLOORS for module in floor) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_go_down(module: str) -> None:
    below = {""}  # the package itself
    for floor in FLOORS:
        if module in floor:
            break
        below |= floor
    assert imports(module)[0] <= below


@pytest.mark.parametrize("module", MODULES)
def test_what_is_behind_a_door_is_entered_by_the_door(module: str) -> None:
    rooms = {name for name in imports(module)[0] if "." in name}
    assert {name.split(".")[0] for name in rooms} <= {module.split(".")[0]}


@pytest.mark.parametrize("module", [name for name in MODULES if {name, name.split(".")[0]} & PURE])
def test_pure_modules_know_neither_twisted_nor_the_system(module: str) -> None:
    assert not imports(module)[1] & {"twisted", "zope", "os", "sys", "socket", "time", "threading"}


def test_the_package_imports_nothing() -> None:
    """Or ``python -m sumproto.client`` would warn of it."""
    assert imports("__init__") == (set(), set())


def test_a_server_imports_nothing_of_the_client() -> None:
    needed: set[str] = set()
    wanted = {"service"}
    while wanted:
        needed |= wanted
        wanted = {name for module in wanted for name in imports(module)[0] if name} - needed
    assert not needed & {"client", "datagram_client", "replies", "report"}
