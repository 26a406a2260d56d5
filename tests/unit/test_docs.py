"""The pages of documentation name only files and names that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "addon" / "openai_replay"
PAGES = sorted(
    [
        ROOT / ".github" / "CONTRIBUTING.md",
        *(
            page
            for folder in ("addon", "recordings", "tests", "scripts")
            for page in (ROOT / folder).glob("*.md")
        ),
        *ROOT.glob("tests/recipes/*.md"),
        ROOT / "README.md",
    ]
)
# Where a path in a page may begin.
BASES = (ROOT, ROOT / "addon", PACKAGE)
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("addon", "scripts", "tests")
    for path in (ROOT / folder).rglob("*.py")
    if path.is_file()
)
PATH = re.compile(r"(?:[\w.-]+/)+[\w.-]*|[\w-]+\.py")
NAME = re.compile(r"[a-z_]\w*(?:\.[A-Za-z_]\w*)*\(\)|[A-Z][a-z]\w*\.[a-z_]\w*")
# Paths that stand for a user's own files, or that a run makes.
OF_USERS = re.compile(
    r"^(?:\.github/workflows/.*|recordings/[\w.-]+|\.cache/.*|\.venv/.*|tests/cassettes/.*|v1/.*|/.*|~.*|path/.*|my-.*)$"
)


def code_spans(page: Path) -> list[str]:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.findall(r"`([^`\n]+)`", text)


def exists(path: str, page: Path) -> bool:
    return any((base / path).exists() for base in (*BASES, page.parent))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_each_path_that_a_page_names_exists(page: Path) -> None:
    named = [span for span in code_spans(page) if PATH.fullmatch(span) and not OF_USERS.match(span)]
    assert [path for path in named if not exists(path, page)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_each_link_within_the_project_leads_to_a_file(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


# Pages about this code alone; others name the functions of clients and tools, too.
OWN_PAGES = [
    ROOT / "addon" / "ARCHITECTURE.md",
    ROOT / "tests" / "README.md",
    ROOT / ".github" / "CONTRIBUTING.md",
]


@pytest.mark.parametrize("page", OWN_PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_each_function_that_a_page_names_exists(page: Path) -> None:
    named = [span.rstrip("()").split(".")[-1] for span in code_spans(page) if NAME.fullmatch(span)]
    assert [name for name in named if not re.search(rf"\b{name}\b", SOURCES)] == []
