"""`command_line`: mitmdump's options that make sense for the engine, and one line about each that does not."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from openai_replay.engine.command_line import Target, checked, parse, target
from openai_replay.errors import BadOption


def test_without_options_it_stands_for_openai_on_port_8080() -> None:
    line = parse([])
    assert (line.host, line.port, line.mode) == ("", 8080, "reverse:https://api.openai.com")
    assert (line.given, line.foreign, line.certificate, line.is_quiet) == ({}, (), None, False)


def test_options_are_read_as_mitmdump_reads_them() -> None:
    arguments = ["-p", "0", "-q", "--set", "recording_ignore=a", "--set", "recording_ignore=b=c", "--set"]
    line = parse([*arguments, "recording_dir=x", "--set", "confdir=y", "--certs", "*=/keys/server.pem"])
    assert line.given == {"recording_ignore": ("a", "b=c"), "recording_dir": "x"}
    assert line.foreign == ("confdir",)
    assert line.certificate == Path("/keys/server.pem")
    assert (line.port, line.is_quiet) == (0, True)


def test_a_misspelt_option_is_refused() -> None:
    with pytest.raises(BadOption, match=r"unknown option recording_moed: did you mean recording_mode\?"):
        parse(["--set", "recording_moed=replay"])


def test_one_option_takes_no_second_value() -> None:
    with pytest.raises(BadOption, match="recording_report: expected one value, got 'a', 'b'"):
        parse(["--set", "recording_report=a", "--set", "recording_report=b"])


@pytest.mark.parametrize(
    ("mode", "origin"),
    [
        ("reverse:https://api.openai.com", "https://api.openai.com"),
        ("reverse:api.openai.com", "https://api.openai.com"),
        ("reverse:https://api.openai.com:443/", "https://api.openai.com"),
        ("reverse:http://localhost:11434", "http://localhost:11434"),
        ("reverse:http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_mode_names_the_api(mode: str, origin: str) -> None:
    assert target(mode).origin() == origin


@pytest.mark.parametrize(
    "mode", ["regular", "upstream:http://proxy", "reverse:", "reverse:tcp://host:1", "reverse:https://host:x"]
)
def test_other_modes_are_refused(mode: str) -> None:
    with pytest.raises(BadOption, match="expected reverse:https://HOST"):
        target(mode)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--set", "recording_mode=record"], "expected replay, the engine has no way to the API"),
        (["--set", "recording_mode=rewind"], "expected one of replay"),
        (["--mode", "reverse:https://other.example"], "other.example:443 is none of recording_hosts"),
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path: Path, arguments: list[str], problem: str) -> None:
    line = parse(["--set", f"recording_dir={tmp_path}", *arguments])
    with pytest.raises(BadOption, match=problem):
        checked(line, target(line.mode), {})


def test_a_certificate_is_tried_before_the_server_begins(tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("localhost")
    key, certificate = issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes()
    private = load_pem_private_key(key, None)
    locked = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    other = trustme.CA().issue_cert("localhost").private_key_pem.bytes()
    file = tmp_path / "server.pem"
    line = parse(["--set", f"recording_dir={tmp_path}", "--certs", str(file)])
    api = target(line.mode)
    for content in (None, b"nonsense", key, certificate, locked + certificate, other + certificate):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(BadOption, match="expected a PEM file with a key without password"):
            checked(line, api, {})
    file.write_bytes(key + certificate)
    assert checked(line, api, {}).directory == tmp_path


def test_options_come_from_the_environment_as_well(tmp_path: Path) -> None:
    environment = {"OPENAI_RECORDING_DIR": str(tmp_path), "OPENAI_RECORDING_TEST_ID": "t"}
    settings = checked(parse([]), Target("https", "api.openai.com", 443), environment)
    assert (settings.directory, settings.test_id) == (tmp_path, "t")
