"""Kept code of dataclasses: the classes are the same with it, and a file that cannot be used is replaced."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from types import CodeType

import pytest

from openai_replay import dataclass_code
from openai_replay.dataclass_code import kept_dataclass_code

CLASSES = {
    "plain": {},
    "frozen": {"frozen": True, "slots": True},
    "ordered": {"order": True, "kw_only": True},
    "hashed": {"unsafe_hash": True, "match_args": False},
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Python's folder for .pyc files."""
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return tmp_path


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources that are compiled here, in their order."""
    sources: list[str] = []

    def counted(source: str, *arguments: object, **options: object) -> CodeType:
        sources.append(source)
        code: CodeType = compile(source, *arguments, **options)  # type: ignore[call-overload]
        return code

    monkeypatch.setattr(dataclass_code, "compile", counted, raising=False)
    return sources


def made(options: dict[str, bool]) -> type:
    class Point:
        x: int
        y: float = 1.5

    return dataclasses.dataclass(**options)(Point)


def looks(cls: type) -> dict[str, object]:
    """Return all that a user of the class may see of its methods."""
    methods = {name: value for name, value in vars(cls).items() if inspect.isfunction(value)}
    return {
        name: (method.__qualname__, str(inspect.signature(method)), method.__annotations__)
        for name, method in methods.items()
    }


def files_in(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.is_file()]


@pytest.mark.parametrize("options", CLASSES.values(), ids=CLASSES)
def test_a_class_of_kept_code_is_the_same(options: dict[str, bool], compiled: list[str]) -> None:
    plain = made(options)
    for _ in range(2):
        with kept_dataclass_code("test"):
            cls = made(options)
        assert looks(cls) == looks(plain)
        assert repr(cls(x=1)) == repr(plain(x=1))
        assert cls(x=1) == cls(x=1) != cls(x=2)
        assert dataclasses.asdict(cls(x=1)) == {"x": 1, "y": 1.5}
    assert len(compiled) == len(set(compiled)) > 0


def test_after_the_block_dataclasses_compile_as_ever(compiled: list[str]) -> None:
    with pytest.raises(ZeroDivisionError), kept_dataclass_code("test"):
        raise ZeroDivisionError
    made({})
    assert compiled == []


def test_code_that_is_used_no_more_is_dropped(compiled: list[str]) -> None:
    for options in ({}, {"order": True}, {}):
        with kept_dataclass_code("test"):
            made(options)
    assert len(compiled) == 3


@pytest.mark.parametrize(
    "content",
    [b"", b"no magic number", MAGIC_NUMBER, MAGIC_NUMBER + b"\xff" * 9],
    ids=["empty", "of another Python", "cut off", "damaged"],
)
def test_a_file_that_cannot_be_used_is_replaced(content: bytes, cache: Path, compiled: list[str]) -> None:
    with kept_dataclass_code("test"):
        made({})
    (file,) = files_in(cache)
    whole = file.read_bytes()
    file.write_bytes(content)
    with kept_dataclass_code("test"):
        made({})
    assert len(compiled) == 2
    assert file.read_bytes() == whole


def test_nothing_is_kept_where_python_keeps_no_modules(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    with kept_dataclass_code("test"):
        made({})
    assert files_in(cache) == []


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "file"))
    with kept_dataclass_code("test"):
        assert made({})(1).y == 1.5
