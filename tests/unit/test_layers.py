"""The rooms of the package: who may import whom.

`LAYERS` is the table. A room may import the rooms below its own layer, never one above or beside it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "addon" / "openai_replay"

# From the top down. Modules at the package's top are layers of one module.
LAYERS = (
    {"__main__"},
    {"launch"},
    {"proxy", "engine", "collection", "mock"},
    {"service"},
    {"report_files"},
    {"options_file"},
    {"record", "replay", "report", "transcript"},
    {"options"},
    {"store", "wire", "trouble"},
    {"request", "sdk"},
    {"format"},
    {"errors", "limits", "modes", "front_end", "dataclass_code"},
)
# Exceptions to the table, each with its reason.
ALSO_ALLOWED = {
    ("report", "replay"): "the report describes misses",
    ("replay", "report"): "workers share positions and the report of one run",
}
HEIGHT = {room: len(LAYERS) - number for number, rooms in enumerate(LAYERS) for room in rooms}


def modules() -> Iterator[Path]:
    yield from (path for path in sorted(PACKAGE.rglob("*.py")) if "companion" not in path.parts)


def room_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


@cache
def imports_of(path: Path) -> list[ast.Import | ast.ImportFrom]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]


def imported_rooms(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, room) for each import of another part of the package."""
    package = path.relative_to(PACKAGE).parent.parts
    for node in imports_of(path):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            for name in names:
                yield node.lineno, (*base, *name.split("."))[0]


def forbidden_imports() -> Iterator[str]:
    for path in modules():
        room = room_of(path)
        for line, other in imported_rooms(path):
            is_below = HEIGHT[other] < HEIGHT[room]
            if room != "__init__" and other != room and not is_below and (room, other) not in ALSO_ALLOWED:
                yield f"{path.relative_to(PACKAGE)}:{line} imports {other}"


def test_each_part_of_the_package_has_a_layer() -> None:
    assert {room_of(path) for path in modules()} - {"__init__"} <= HEIGHT.keys()


def test_imports_point_down() -> None:
    assert list(forbidden_imports()) == []


def test_only_the_proxy_room_imports_mitmproxy() -> None:
    importers = {
        room_of(path)
        for path in modules()
        for node in imports_of(path)
        if (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "mitmproxy")
        or (isinstance(node, ast.Import) and any(a.name.split(".")[0] == "mitmproxy" for a in node.names))
    }
    assert importers == {"proxy"}
