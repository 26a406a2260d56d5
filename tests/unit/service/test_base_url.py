"""`base_url`: a server for one API stands for a recorded host."""

from __future__ import annotations

from pathlib import Path

import pytest

from openai_replay.errors import BadOption
from openai_replay.options import OPTIONS, settings
from openai_replay.service.base_url import refuse_unrecorded


def test_another_host_than_the_recorded_ones_is_refused(tmp_path: Path) -> None:
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    checked = settings({**values, "recording_dir": str(tmp_path)})
    refuse_unrecorded("reverse:https://api.openai.com", "api.openai.com", 443, checked)
    with pytest.raises(BadOption, match=r"add --set recording_hosts=other\.example:443"):
        refuse_unrecorded("reverse:https://other.example", "other.example", 443, checked)
