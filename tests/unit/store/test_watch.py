"""The watch over a folder counts each change there before the next look at it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from openai_replay.store.watch import FolderWatch, _file_system, watch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A folder with a recording at its top and one in a folder below."""
    folder = (tmp_path / "recordings").resolve()
    (folder / "below").mkdir(parents=True)
    (folder / "a.json").write_text("{}")
    (folder / "below" / "b.json").write_text("{}")
    return folder


@pytest.fixture
def watching(top: Path) -> Iterator[FolderWatch]:
    """A watch over that folder."""
    watching = watch(top)
    if watching is None:
        pytest.skip("the folder for temporary files is on a file system that cannot be watched")
    yield watching
    watching.close()


CHANGES: dict[str, Callable[[Path], object]] = {
    "written": lambda top: (top / "a.json").write_text("[]"),
    "written below": lambda top: (top / "below" / "b.json").write_text("[]"),
    "added": lambda top: (top / "a-2.json").write_text("{}"),
    "removed": lambda top: (top / "a.json").unlink(),
    "moved into place": lambda top: (top.parent / "recordings" / "a.json").replace(top / "c.json"),
    "touched": lambda top: os.utime(top / "a.json", (1, 1)),
    "linked": lambda top: (top / "hard.json").hardlink_to(top / "a.json"),
    "folder added": lambda top: (top / "new").mkdir(),
    "folder removed": lambda top: shutil.rmtree(top / "below"),
    "folder renamed": lambda top: (top / "below").rename(top / "elsewhere"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_each_change_is_counted(watching: FolderWatch, top: Path, change: Callable[[Path], object]) -> None:
    watching.take_events()
    before = watching.changes
    assert before is not None
    change(top)
    watching.take_events()
    assert watching.changes is not None
    assert watching.changes > before


def test_reading_is_no_change(watching: FolderWatch, top: Path) -> None:
    (top / "a.json").read_bytes()
    list(os.scandir(top / "below"))
    watching.take_events()
    assert watching.changes == 0


@pytest.mark.parametrize("depth", [1, 3])
def test_folders_that_come_later_are_watched_too(watching: FolderWatch, top: Path, depth: int) -> None:
    folder = top.joinpath(*["new"] * depth)
    folder.mkdir(parents=True)
    watching.take_events()
    before = watching.changes
    (folder / "c.json").write_text("{}")
    assert watching.covers([folder / "c.json"])
    watching.take_events()
    assert watching.changes != before


def test_a_renamed_folder_is_known_by_its_new_path(watching: FolderWatch, top: Path) -> None:
    (top / "below").rename(top / "other")
    watching.take_events()
    assert watching.covers([top / "other" / "b.json"])
    (top / "below").mkdir()
    (top / "below" / "b.json").write_text("{}")
    watching.take_events()
    before = watching.changes
    (top / "below" / "b.json").write_text("[]")
    watching.take_events()
    assert watching.changes != before


@pytest.mark.parametrize("levels", [0, 1])
def test_a_watch_ends_when_the_folder_or_one_above_is_moved(tmp_path: Path, levels: int) -> None:
    top = (tmp_path / "above" / "recordings").resolve()
    top.mkdir(parents=True)
    watching = watch(top)
    if watching is None:
        pytest.skip("the folder for temporary files is on a file system that cannot be watched")
    moved = [top, *top.parents][levels]
    moved.rename(moved.with_name("moved"))
    watching.take_events()
    assert watching.changes is None
    watching.close()


def test_a_file_with_a_second_name_is_not_covered(watching: FolderWatch, top: Path, tmp_path: Path) -> None:
    assert watching.covers([top / "a.json", top / "below" / "b.json"])
    (top / "symbolic.json").symlink_to(tmp_path / "a.json")
    (tmp_path / "hard.json").hardlink_to(top / "a.json")
    assert not watching.covers([top / "symbolic.json"])
    assert not watching.covers([top / "a.json"])
    assert not watching.covers([top / "gone.json"])
    assert not watching.covers([tmp_path / "hard.json"])


def test_a_folder_behind_a_symbolic_link_is_not_watched(top: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(top)
    assert watch(tmp_path / "link") is None
    assert watch(tmp_path / "nowhere") is None


def test_the_file_system_is_that_of_the_innermost_mount() -> None:
    mounts = (
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "23 22 0:40 / /srv rw shared:1 - nfs4 server:/x rw\n"
        "24 23 0:41 / /srv/with\\040space rw - tmpfs tmpfs rw\n"
    )
    assert _file_system(Path("/home/a"), mounts) == "ext4"
    assert _file_system(Path("/srv/a"), mounts) == "nfs4"
    assert _file_system(Path("/srvx"), mounts) == "ext4"
    assert _file_system(Path("/srv/with space/a"), mounts) == "tmpfs"
