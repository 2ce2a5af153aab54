"""The house: its rooms, which of them imports which, and that each is entered by its door."""

from __future__ import annotations

import ast
import re
import subprocess
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from support import PROJECT

import sumproto

PACKAGE = Path(sumproto.__file__).parent
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
SOURCES = sorted(PACKAGE.rglob("*.py"))

UNKNOWN_TO_CORE = {"twisted", "zope", "os", "sys", "io", "socket", "time", "threading", "pathlib"}
PROGRAMS = {"compare", "wireshark"}
LONGEST = 300

DOCUMENT = (PROJECT / "docs" / "development.md").read_text()


def called(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def room(path: Path) -> str:
    """The folder of the package that `path` is in; "" for its top level."""
    return path.relative_to(PACKAGE).parts[0] if path.parent != PACKAGE else ""


def imported(path: Path) -> tuple[set[tuple[str, ...]], set[str]]:
    """What `path` imports: modules of ours, by their parts, and the top packages of others."""
    own: set[tuple[str, ...]] = set()
    others: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1].relative_to(PACKAGE).parts
            module = (*folder, *(node.module.split(".") if node.module else ()))
            own |= {module} if module else {(alias.name,) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            others.add(str(node.module).split(".")[0])
        elif isinstance(node, ast.Import):
            others |= {alias.name.split(".")[0] for alias in node.names}
    return own, others


def rooms_entered(path: Path) -> set[str]:
    """The folders of the package, but for its own, that `path` imports from."""
    return {module[0] for module in imported(path)[0]} & set(ROOMS) - {room(path)}


def reached(start: str) -> set[str]:
    """The rooms that are entered from the room `start`, by way of the top level or of others."""
    modules = {called(path)[:-3].replace("/", "."): path for path in SOURCES}
    found: set[Path] = set()
    left = [path for path in SOURCES if room(path) == start and path.name != "__main__.py"]
    while left:
        path = left.pop()
        found.add(path)
        for module in imported(path)[0]:
            for name in ".".join(module), ".".join((*module, "__init__")):
                if name in modules and modules[name] not in found:
                    left.append(modules[name])
    return {room(path) for path in found} - {"", start}


def picture() -> tuple[dict[str, set[str]], set[tuple[str, str]]]:
    """The picture in docs/development.md: its nodes with the modules they name, and its arrows."""
    (drawn,) = re.findall(r"^```mermaid\nflowchart TD\n(.*?)^```$", DOCUMENT, re.M | re.S)
    nodes: dict[str, set[str]] = {}
    arrows: set[tuple[str, str]] = set()
    for line in drawn.splitlines():
        if node := re.fullmatch(r' +(\w+)\["\1(?:/|<br>([\w, ]+))"\]', line):
            nodes[node[1]] = set(node[2].split(", ")) if node[2] else set()
        else:
            start, ends = line.strip().split(" --> ")
            arrows |= {(start, end) for end in ends.split(" & ")}
    return nodes, arrows


def node(module: str, nodes: dict[str, set[str]]) -> str:
    """The node of a room, or of a module of the top level: what names it, or how it begins."""
    (found,) = [name for name in nodes if module in nodes[name]] or [module.split("_")[0]]
    return found


def test_the_picture_shows_all_rooms_and_modules() -> None:
    nodes, _ = picture()
    assert set(ROOMS) <= set(nodes)
    modules = {path.stem for path in PACKAGE.glob("[!_]*.py")}
    assert {node(module, nodes) for module in modules} | set(ROOMS) == set(nodes)
    named = set().union(*nodes.values())
    assert named <= modules
    assert named | set(ROOMS) <= set(re.findall(r"^\| `(\w+)` \|", DOCUMENT, re.M))


def test_the_arrows_of_the_picture_are_the_imports() -> None:
    nodes, arrows = picture()
    imports = {
        (node(room(path) or path.stem, nodes), node(module[0], nodes))
        for path in SOURCES
        if path.name != "__main__.py" and path != PACKAGE / "__init__.py"
        for module in imported(path)[0]
        if module != ("__version__",)
    }
    assert {(start, end) for start, end in imports if start != end} == arrows


def test_imports_only_go_down() -> None:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for start, end in picture()[1]:
        sorter.add(start, end)
    sorter.prepare()


@pytest.mark.parametrize("path", [p for p in SOURCES if room(p) == "core"], ids=called)
def test_core_knows_neither_twisted_nor_what_is_above_it(path: Path) -> None:
    own, others = imported(path)
    assert all(module[0] == "core" for module in own)
    assert not others & UNKNOWN_TO_CORE


def test_server_and_client_never_meet() -> None:
    assert "client" not in reached("server")
    assert "server" not in reached("client")


@pytest.mark.parametrize("path", SOURCES, ids=called)
def test_a_room_is_entered_by_its_door(path: Path) -> None:
    for module in imported(path)[0]:
        assert module[0] == room(path) or module[0] not in ROOMS or len(module) == 1


@pytest.mark.parametrize("name", [*ROOMS, "core.dialects"])
def test_a_door_says_what_is_behind_it(name: str) -> None:
    door = ast.parse((PACKAGE / name.replace(".", "/") / "__init__.py").read_text())
    assert ast.get_docstring(door)
    if name not in PROGRAMS:
        assert any("__all__" in ast.unparse(node) for node in door.body)


@pytest.mark.parametrize("path", SOURCES, ids=called)
def test_no_module_is_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST


def test_the_package_imports_nothing() -> None:
    """Or ``python -m sumproto.client`` would warn of it."""
    assert imported(PACKAGE / "__init__.py") == (set(), set())


@pytest.mark.parametrize(
    "path", sorted(Path(__file__).parent.glob("test_*.py")), ids=lambda p: p.name
)
def test_no_test_imports_another(path: Path) -> None:
    assert not any(name.startswith("test_") for name in imported_by_name(path))


def imported_by_name(path: Path) -> set[str]:
    return {
        str(node.module)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
    }


def test_a_test_that_is_not_marked_live_starts_no_process() -> None:
    with pytest.raises(pytest.fail.Exception, match="mark it live"):
        subprocess.run(["true"])
