"""`server`: a start that fails ends with one line and the status of `serve`."""

from __future__ import annotations

import pytest

from openai_replay.engine.server import FAILED_TO_START, serve
from openai_replay.front_end import FRONT_END, FrontEnd


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


def test_the_advice_to_record_names_a_command_that_can(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FRONT_END, FrontEnd.ENGINE.value)
    with pytest.raises(SystemExit):
        serve(["--set", "recording_dir=/none"])
    assert (
        "with openai-replay serve --mode reverse:https://api.openai.com --set recording_mode=record …"
        in capsys.readouterr().out
    )


def test_an_unknown_argument_is_told_by_the_name_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        serve(["--wokers", "2"])
    assert ended.value.code == FAILED_TO_START
    assert "openai-replay serve --engine uvicorn: error: unrecognized arguments" in capsys.readouterr().err
