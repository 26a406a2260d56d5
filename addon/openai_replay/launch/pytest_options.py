"""Options of the pytest plugin, from command line, environment and ini file, and the options of its proxy."""

from __future__ import annotations

import os
from typing import Any

import pytest

from ..modes import Mode
from .outcome import Conditions
from .proxy_program import RUN

# Options that are for the proxy of the plugin, by their name for the command line.
_OF_THE_PROXY = (
    "--recording-mode",
    "--recording-dir",
    "--recording-base-url",
    "--recording-pass-key",
    "--recording-against-mock",
    "--recording-set",
)


def add_options(parser: pytest.Parser) -> None:
    """Register the options."""
    group = parser.getgroup("openai-replay", "recordings of the OpenAI API")
    group.addoption(
        "--recording-mode",
        choices=[mode.value for mode in Mode],
        help="How requests to the API are answered.",
    )
    group.addoption("--recording-dir", metavar="DIR", help="The folder of the recordings.")
    group.addoption(
        "--recording-base-url",
        action="store_true",
        help="Set OPENAI_BASE_URL for the tests, instead of proxy variables and certificates.",
    )
    group.addoption(
        "--recording-pass-key",
        action="store_true",
        help="Leave the real API keys to the tests, in place of dummies.",
    )
    group.addoption(
        "--recording-against-mock",
        action="store_true",
        help="Record from a mock of the API: made-up answers, no key.",
    )
    group.addoption(
        "--recording-set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="Set another option of the proxy, such as recording_pacing=2x; repeatable.",
    )
    group.addoption("--fail-on-miss", action="store_true", help="Fail when a request had no recording.")
    group.addoption(
        "--fail-on-unused",
        action="store_true",
        help="Fail when a recording was not used; in a run of some tests, a recording of one of these.",
    )
    group.addoption(
        "--fail-on-no-request",
        action="store_true",
        help="Fail when no request of the tests reached the proxy.",
    )
    parser.addini("openai_replay", "Use the fixture openai_replay in every test.", type="bool", default=False)
    parser.addini("recording_mode", "How requests to the API are answered; replay without this.")
    parser.addini(
        "recording_dir", "The folder of the recordings, from the root directory; recordings without this."
    )
    parser.addini("recording_base_url", "As --recording-base-url.", type="bool", default=False)
    parser.addini(
        "openai_replay_program",
        "The program openai-replay that runs the proxy, for tests without mitmproxy in their environment.",
    )


def option(config: pytest.Config, name: str) -> Any:
    """Return an option of the command line, also while pytest has not read all of it yet."""
    return getattr(config.known_args_namespace, name.removeprefix("--").replace("-", "_"))


def conditions(config: pytest.Config) -> Conditions:
    """Return the conditions of --fail-on-…"""
    return Conditions(
        *(option(config, f"--fail-on-{condition}") for condition in ("miss", "unused", "no-request"))
    )


def is_on(config: pytest.Config) -> bool:
    """Tell whether the tests are known to use the proxy before any of them has been imported."""
    if option(config, "help") or option(config, "version"):
        return False
    return bool(config.getini("openai_replay") or _given(config))


def refuse_options_under_run(config: pytest.Config) -> None:
    """Refuse options for a proxy of the plugin where the tests use the proxy of `openai-replay run`.

    Raises:
        UsageError: names the first option, and the remedy.
    """
    if RUN in os.environ and (given := _given(config)):
        raise pytest.UsageError(
            f"{given[0]}: pytest runs under `openai-replay run`, whose proxy answers its tests: give the option to run "
            "(--mode, --dir, --base-url, --pass-key, --against-mock, --set), or leave `openai-replay run` out"
        )


def _given(config: pytest.Config) -> list[str]:
    return [name for name in _OF_THE_PROXY if option(config, name)]


def arguments(config: pytest.Config) -> list[str]:
    """Return the arguments of `openai-replay proxy`."""
    uses_base_url = option(config, "--recording-base-url") or config.getini("recording_base_url")
    chosen = {
        "--base-url": uses_base_url,
        "--pass-key": option(config, "--recording-pass-key"),
        "--against-mock": option(config, "--recording-against-mock"),
    }
    more = [f"--set={pair}" for pair in option(config, "--recording-set")]
    return [*(flag for flag, is_set in chosen.items() if is_set), *more]


def variables(config: pytest.Config) -> dict[str, str]:
    """Return the options: of the command line first, then of the environment, then of the ini file."""
    named = {"OPENAI_RECORDING_MODE": mode(config), "OPENAI_RECORDING_DIR": _directory(config)}
    return {name: value for name, value in named.items() if value}


def mode(config: pytest.Config) -> str:
    """Return the mode that the user has chosen, unchecked; "" for none."""
    given = option(config, "--recording-mode") or os.environ.get("OPENAI_RECORDING_MODE")
    return str(given or config.getini("recording_mode"))


def _directory(config: pytest.Config) -> str:
    if given := option(config, "--recording-dir"):
        return str(config.invocation_params.dir / given)
    configured = os.environ.get("OPENAI_RECORDING_DIR") or config.getini("recording_dir") or "recordings"
    return str(config.rootpath / configured)


def selects_tests(config: pytest.Config) -> bool:
    """Tell whether the command line names files, or selects tests in another way, so that not all tests run."""
    selecting = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "stepwise")
    return config.args_source is pytest.Config.ArgsSource.ARGS or any(
        config.getoption(name, None) for name in selecting
    )
