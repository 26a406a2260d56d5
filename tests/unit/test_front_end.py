"""The spelling of options by front end."""

import pytest

from openai_replay.front_end import FRONT_END, FrontEnd


@pytest.mark.parametrize("front_end", FrontEnd)
def test_a_front_end_is_known_by_the_name_that_it_passes_on(front_end: FrontEnd) -> None:
    assert FrontEnd.of({FRONT_END: front_end.value}) is front_end
    assert FrontEnd.of_command_line({FRONT_END: front_end.value}) is front_end


@pytest.mark.parametrize("environment", [{}, {FRONT_END: "another"}])
def test_without_a_known_name_the_user_has_started_mitmdump(environment: dict[str, str]) -> None:
    assert FrontEnd.of(environment) is FrontEnd.MITMDUMP


def test_a_command_of_this_package_is_run_unless_another_program_has_started_it() -> None:
    assert FrontEnd.of_command_line({}) is FrontEnd.RUN


@pytest.mark.parametrize(
    ("front_end", "name", "values", "spelt"),
    [
        (FrontEnd.RUN, "recording_mode", ["record"], "--mode record"),
        (FrontEnd.RUN, "recording_dir", ["a b"], "--dir 'a b'"),
        (
            FrontEnd.RUN,
            "recording_ignore",
            ["a", "b c"],
            "--set recording_ignore=a --set 'recording_ignore=b c'",
        ),
        (FrontEnd.PYTEST, "recording_mode", ["record"], "--recording-mode record"),
        (
            FrontEnd.PYTEST,
            "recording_hosts",
            ["+x.example"],
            'hosts = "+x.example" (in openai-replay.toml beside the recordings)',
        ),
        (
            FrontEnd.PYTEST,
            "recording_ignore",
            ["a", r'b["c"]=\d'],
            r'ignore = ["a", "b[\"c\"]=\\d"] (in openai-replay.toml beside the recordings)',
        ),
        (FrontEnd.SERVE, "recording_mode", ["record"], "--set recording_mode=record"),
        (FrontEnd.ENGINE, "recording_ignore", ["a"], "--set recording_ignore=a"),
        (FrontEnd.MITMDUMP, "recording_mode", ["record"], "--set recording_mode=record"),
    ],
)
def test_an_option_is_spelt_as_the_user_can_write_it(
    front_end: FrontEnd, name: str, values: list[str], spelt: str
) -> None:
    assert front_end.option(name, *values) == spelt


def test_a_command_names_the_program() -> None:
    assert FrontEnd.RUN.command("recording_mode", "record") == "openai-replay run --mode record …"
    assert FrontEnd.PYTEST.command("recording_mode", "live") == "pytest --recording-mode live …"


def test_the_engine_cannot_record_so_its_command_is_that_of_serve_by_base_url() -> None:
    option = ("recording_mode", "record")
    rest = "--set recording_mode=record …"
    assert FrontEnd.ENGINE.command(*option) == (
        f"openai-replay serve --mode reverse:https://api.openai.com {rest}"
    )
    assert FrontEnd.ENGINE.command(*option, "http://[::1]:8000") == (
        f"openai-replay serve --mode 'reverse:http://[::1]:8000' {rest}"
    )
    assert FrontEnd.SERVE.command(*option, "http://[::1]:8000") == f"openai-replay serve {rest}"


def test_the_option_that_a_message_advises_is_reworded_and_others_stay() -> None:
    message = "recording_dir='x': expected a folder (record first, with recording_mode=record)"
    assert FrontEnd.RUN.reworded(message) == (
        "recording_dir='x': expected a folder (record first, with openai-replay run --mode record …)"
    )
    assert FrontEnd.SERVE.reworded(message).endswith(
        "with openai-replay serve --set recording_mode=record …)"
    )


def test_the_log_is_named_where_the_user_finds_it() -> None:
    message = "The nearest is ab.json; the proxy's log shows the difference."
    assert FrontEnd.PYTEST.reworded(message) == (
        "The nearest is ab.json; pytest's summary shows the difference."
    )
    assert FrontEnd.RUN.reworded(message) == message
