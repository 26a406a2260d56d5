"""The sides of a comparison (`diff A B`): a file, a folder, or the folder at a git revision."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadOption
from ..store import names
from ..store.files import read_file
from .folder import all_paths, is_document


@dataclass(frozen=True, slots=True)
class Side:
    """One side: its name for messages, and the recordings and the bodies beside them by path.

    Attributes:
        contents: a path's file, for files on disk.
        blobs: a path's object id, for files of a revision; `repository` is the folder that git is asked in.
    """

    name: str
    contents: Mapping[str, Path]
    blobs: Mapping[str, str]
    repository: Path

    def paths(self) -> frozenset[str]:
        """Return the paths of the recordings."""
        return frozenset(path for path in self._all() if names.is_recording(os.path.basename(path)))

    def bodies(self) -> frozenset[str]:
        """Return the paths of the other files, which hold bodies that are no JSON."""
        return frozenset(path for path in self._all() if not names.is_recording(os.path.basename(path)))

    def _all(self) -> Iterable[str]:
        return self.blobs or self.contents

    def only(self, path: str) -> Side:
        """Return the side with one of its recordings and the bodies of its name, or with none if it lacks it."""
        stem = names.stem_of(path)
        return Side(
            self.name,
            {
                one: file
                for one, file in self.contents.items()
                if one == path or names.is_companion(one, stem)
            },
            {one: blob for one, blob in self.blobs.items() if one == path or names.is_companion(one, stem)},
            self.repository,
        )

    def read_all(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Return the content of some of its files.

        Raises:
            BadOption: a file is gone, or git fails.
        """
        wanted = list(paths)
        if self.blobs:
            return dict(
                zip(wanted, _blobs(self.repository, [self.blobs[path] for path in wanted]), strict=True)
            )
        return {path: self.read(path) for path in wanted}

    def read(self, path: str) -> bytes:
        """Return the content of one of its files on disk.

        Raises:
            BadOption: the file is gone, or cannot be read.
        """
        file = self.contents[path]
        try:
            return read_file(file)[1]
        except OSError as exc:
            raise BadOption(f"{file}: expected a readable file, {exc.strerror}") from exc


def side_of(text: str, directory: Path) -> Side:
    """Return the side that a person names: a file, a folder, else a git revision of `directory`.

    Raises:
        BadOption: it is none of them; the message says where git finds no revision.
    """
    path = Path(text)
    if path.is_dir():
        return Side(text, {name: path / name for name in all_paths(path) if _counts(name)}, {}, path)
    if path.is_file():
        return Side(text, {path.name: path}, {}, path.parent)
    return _of_revision(text, directory)


def _counts(path: str) -> bool:
    """Tell whether a file is compared: recordings and bodies are, hidden files and documents are not."""
    name = os.path.basename(path)
    return not name.startswith(".") and not is_document(name)


def is_revision(text: str, directory: Path) -> bool:
    """Tell whether a text names a git revision of a folder."""
    return bool(_commit(text, directory))


def _commit(revision: str, directory: Path) -> bytes:
    """Return the object id of a revision, b"" where git knows none."""
    return _git(directory, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")


def _of_revision(revision: str, directory: Path) -> Side:
    commit = _commit(revision, directory)
    if not commit:
        raise BadOption(_reason(revision, directory))
    listed = _git(directory, "ls-tree", "-r", "-z", commit.decode().strip(), "--", ".")
    blobs = {}
    for entry in listed.decode("utf-8", "surrogateescape").split("\0"):
        head, _, path = entry.partition("\t")
        if head and _counts(path):
            blobs[path] = head.split()[2]
    return Side(revision, {}, blobs, directory)


def _reason(revision: str, directory: Path) -> str:
    """Return why git knows no such revision of a folder, and the alternatives."""
    if shutil.which("git") is None:
        return (
            f"{revision}: expected two files or folders to compare; git, for its revisions, is not installed"
        )
    asked = subprocess.run(
        ["git", "-C", directory, "rev-parse", "--git-dir"], capture_output=True, check=False
    )
    if asked.returncode:
        said = asked.stderr.decode(errors="replace").partition("\n")[0]
        return (
            f"{directory}: expected a folder in a git repository, or two files or folders to compare; {said}"
        )
    if not _commit("HEAD", directory):
        return (
            f"{directory}: expected a commit to compare with, or two files or folders; its git repository has no "
            "commits yet"
        )
    return f"{revision}: expected a file, a folder, a recording's name, or a git revision of {directory}"


def _git(directory: Path, *arguments: str) -> bytes:
    """Return the output of git, b"" where it fails or is not there."""
    try:
        return subprocess.run(["git", "-C", directory, *arguments], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return b""


def _blobs(directory: Path, object_ids: list[str]) -> list[bytes]:
    """Return the contents of git's objects, all by one process."""
    asked = "".join(f"{object_id}\n" for object_id in object_ids).encode()
    result = subprocess.run(
        ["git", "-C", directory, "cat-file", "--batch"], input=asked, capture_output=True, check=False
    )
    contents, rest = [], memoryview(result.stdout)
    for object_id in object_ids:
        head, _, _ = bytes(rest[:200]).partition(b"\n")
        if not head.startswith(object_id.encode()) or head.endswith(b"missing"):
            raise BadOption(
                f"git does not give the object {object_id}: {result.stderr.decode(errors='replace')}"
            )
        size = int(head.rsplit(b" ", 1)[1])
        contents.append(bytes(rest[len(head) + 1 : len(head) + 1 + size]))
        rest = rest[len(head) + size + 2 :]
    return contents
