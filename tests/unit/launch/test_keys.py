"""Dummy keys for the command, real ones for the proxy."""

import pytest

from openai_replay.front_end import FRONT_END
from openai_replay.launch.keys import dummy_of, missing_key, real_keys, replaced_keys
from openai_replay.modes import Mode
from openai_replay.options import HostPattern, default_values, settings

KEYS = {
    "OPENAI_API_KEY": "sk-one",
    "OPENAI_ADMIN_KEY": "sk-two",
    "AZURE_OPENAI_API_KEY": "three",
    "ANTHROPIC_API_KEY": "four",
    "GROQ_API_KEY": "",
    "HOME": "/home",
}


def hosts(*texts: str) -> tuple[HostPattern, ...]:
    return settings({**default_values({}), "recording_hosts": texts, "recording_dir": "."}).hosts


def test_keys_of_the_recorded_hosts_are_replaced_and_others_are_not() -> None:
    of_openai = replaced_keys(KEYS, Mode.RECORD, hosts("api.openai.com"))
    assert of_openai.keys() == {"OPENAI_API_KEY", "OPENAI_ADMIN_KEY"}
    for host in ("mine.openai.azure.com", "*.openai.azure.com"):
        of_azure = replaced_keys(KEYS, Mode.RECORD_IF_MISSING, hosts(host))
        assert of_azure.keys() == {"OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"}
    assert "GROQ_API_KEY" not in replaced_keys(KEYS, Mode.RECORD, hosts("api.groq.com"))


def test_live_needs_the_real_keys_and_replay_needs_none() -> None:
    assert replaced_keys(KEYS, Mode.LIVE, hosts("api.openai.com")) == {}
    in_replay = replaced_keys(KEYS, Mode.REPLAY, hosts("api.openai.com"))
    assert in_replay == replaced_keys(KEYS, Mode.RECORD, hosts("api.openai.com"))
    assert real_keys(KEYS, in_replay, Mode.REPLAY) == {}


def test_each_dummy_stands_for_one_key() -> None:
    dummies = replaced_keys(KEYS, Mode.RECORD, hosts("api.openai.com"))
    assert real_keys(KEYS, dummies, Mode.RECORD) == {
        dummy_of("OPENAI_API_KEY"): "sk-one",
        dummy_of("OPENAI_ADMIN_KEY"): "sk-two",
    }


def test_a_run_within_a_run_hands_the_outer_dummy_to_its_proxy() -> None:
    outer = {**KEYS, **replaced_keys(KEYS, Mode.RECORD, hosts("api.openai.com"))}
    inner = replaced_keys(outer, Mode.RECORD, hosts("api.openai.com"))
    assert real_keys(outer, inner, Mode.RECORD)[dummy_of("OPENAI_API_KEY")] == dummy_of("OPENAI_API_KEY")


@pytest.mark.parametrize(
    ("front_end", "remedy"), [("", "--mode replay"), ("pytest", "--recording-mode replay")]
)
def test_a_missing_key_is_told_with_the_mode_that_needs_none(front_end: str, remedy: str) -> None:
    environment = {FRONT_END: front_end} if front_end else {}
    recorded = hosts("api.openai.com")
    said = missing_key(environment, Mode.RECORD_IF_MISSING, recorded)
    assert said.startswith("OPENAI_API_KEY is not set")
    assert said.endswith(f"Without a key, replay: {remedy}")
    assert "replay" not in missing_key(environment, Mode.RECORD, recorded)
    assert missing_key(KEYS, Mode.RECORD_IF_MISSING, recorded) == ""
