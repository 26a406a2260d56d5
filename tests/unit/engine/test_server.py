"""`server`: a start that fails ends with one line and the status of `serve`."""

from __future__ import annotations

import pytest

from openai_replay.engine.server import FAILED_TO_START, serve


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--mode", "regular"], "mode=regular: expected reverse:https://HOST"),
        (["--set", "recording_moed=replay"], "unknown option recording_moed: did you mean recording_mode?"),
    ],
)
def test_options_that_make_no_sense_end_it(
    capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        serve(arguments)
    assert ended.value.code == FAILED_TO_START
    assert line in capsys.readouterr().out


def test_an_unknown_argument_is_told_by_the_name_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        serve(["--wokers", "2"])
    assert ended.value.code == FAILED_TO_START
    assert "openai-replay serve --engine uvicorn: error: unrecognized arguments" in capsys.readouterr().err
