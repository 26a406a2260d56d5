"""`attached`: bodies beside a HAR are read, and nothing outside its folder is."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from openai_replay.collection.attached import beside, within
from openai_replay.collection.values import Unexpected


def test_a_body_is_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_bytes(b"{}")
    read = beside(tmp_path / "a.har")
    assert read("1.json") == b"{}"
    with pytest.raises(Unexpected, match=r"expected the body beside the file, 2\.json: No such file"):
        read("2.json")


def test_a_body_is_beside_the_har_in_a_zip_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("sub/1.json", "{}")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        read = within(archive, "sub/a.har")
        assert read("1.json") == b"{}"
        with pytest.raises(Unexpected, match=r"expected the body in the zip file, it has no 2\.json"):
            read("2.json")
        with pytest.raises(Unexpected, match="expected the name of a file for a body"):
            read("../1.json")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "sub/1.json", "", ".", "..", "sub\\\\1.json"])
def test_a_file_of_another_folder_is_no_body(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("a secret")
    with pytest.raises(Unexpected, match="expected the name of a file for a body"):
        beside(tmp_path / "sub" / "a.har")(name)
