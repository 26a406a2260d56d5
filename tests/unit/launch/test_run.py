"""The configuration of the proxy of a run, and the variables of its command; the rest is tests/e2e/test_run_command."""

import pytest

from openai_replay.errors import OpenAIReplayError
from openai_replay.launch.keys import dummy_of
from openai_replay.launch.run import changes_of_run, configuration, failure, say
from openai_replay.launch.trust import Trust
from openai_replay.proxy.certificate_authority import CertificateAuthority
from unit.launch.conftest import Planner

KEY = "sk-real-0123456789abcdef"


def test_replay_needs_no_certificates_of_the_api(
    plan_of: Planner, trust: Trust, authority: CertificateAuthority
) -> None:
    def names(mode: str) -> list[str]:
        return [name for name, _ in configuration(plan_of(mode=mode), trust, authority, {}).options]

    assert "ssl_verify_upstream_trusted_ca" not in names("replay")
    assert "ssl_verify_upstream_trusted_ca" in names("record")


def test_the_way_to_the_api_is_direct_by_the_users_proxy_or_a_base_url(
    plan_of: Planner, trust: Trust, authority: CertificateAuthority
) -> None:
    behind = {"HTTPS_PROXY": "http://me:pw@p:1", "NO_PROXY": "api.openai.com"}

    def of(environment: dict[str, str], **options: object) -> tuple[str, tuple[str, ...], bool]:
        made = configuration(plan_of(environment, **options), trust, authority, environment)
        return made.mode, tuple(made.direct_hosts), ("upstream_auth", "me:pw") in made.options

    assert of({}) == ("regular", (), False)
    mode, direct, has_credentials = of(behind)
    assert (mode, has_credentials) == ("upstream:http://p:1", True)
    assert "api.openai.com" in direct
    assert of(behind, base_url=True) == ("reverse:https://api.openai.com", (), False)
    assert of(behind, mode="record", against_mock=True) == ("regular", (), False)


def test_a_socks_proxy_is_said_not_to_be_used(
    plan_of: Planner, trust: Trust, authority: CertificateAuthority, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {"ALL_PROXY": "socks5://p:1"}
    assert configuration(plan_of(environment), trust, authority, environment).mode == "regular"
    assert capsys.readouterr().err.startswith("openai-replay: warning: the proxy socks5://p is not used")


def test_the_real_key_goes_to_the_proxy_by_a_pipe_alone(
    plan_of: Planner, trust: Trust, authority: CertificateAuthority
) -> None:
    environment = {"OPENAI_API_KEY": KEY, "HOME": "/home"}
    recording = plan_of(environment, mode="record")
    made = configuration(recording, trust, authority, environment)
    dummy = dummy_of("OPENAI_API_KEY")
    assert made.real_keys == {dummy: KEY}
    assert made.environment == {"HOME": "/home"}
    assert KEY not in " ".join(made.arguments())
    assert KEY not in repr(made)
    assert changes_of_run(recording, 1, trust, environment)["OPENAI_API_KEY"] == dummy
    replaying = plan_of(environment, mode="replay")
    assert configuration(replaying, trust, authority, environment).real_keys == {}
    assert configuration(replaying, trust, authority, environment).environment == {"HOME": "/home"}
    assert changes_of_run(replaying, 1, trust, environment)["OPENAI_API_KEY"] == dummy
    passing = plan_of(environment, mode="record", pass_key=True)
    assert configuration(passing, trust, authority, environment).real_keys == {}
    assert "OPENAI_API_KEY" not in changes_of_run(passing, 1, trust, environment)


def test_options_are_words_of_the_command_line_of_the_proxy(
    plan_of: Planner, trust: Trust, authority: CertificateAuthority
) -> None:
    command = configuration(plan_of(more=("http2=false",)), trust, authority, {}).arguments()
    assert command[command.index("http2=false") - 1] == "--set"
    assert f"confdir={authority.folder}" in command
    assert command[command.index("--listen-host") + 1] == "127.0.0.1"


def test_a_failure_is_one_line_and_an_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert failure(OpenAIReplayError("no"), 125) == 125
    assert capsys.readouterr().err == "openai-replay: error: no\n"


def test_a_closed_standard_error_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    say("anything")
