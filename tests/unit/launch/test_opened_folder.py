"""`opened_folder`: the recordings of a folder under the rules of its options."""

from __future__ import annotations

import shutil
from pathlib import Path

from openai_replay.launch.opened_folder import opened_folder
from openai_replay.options_file import resolve
from support.proxy import ROOT


def test_recordings_are_read_by_the_rules_of_the_folder(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "recordings", tmp_path / "recordings")
    (tmp_path / "recordings" / "openai-replay.toml").write_text("ignore = ['model']\n")
    settings = resolve({"recording_dir": str(tmp_path / "recordings")}, {})
    with opened_folder(settings) as folder:
        assert [rule.text for rule in folder.rules.ignore] == ["model"]
        assert len(folder.store.index.paths()) == 5
