"""The variables that bring a program to the proxy."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from openai_replay.launch.base_url import ORIGINAL_BASE_URL, Target, target_of
from openai_replay.launch.environment import (
    FORMATS,
    Changes,
    applied,
    dummy_key,
    no_proxy,
    through_base_url,
    through_proxy,
    tls_at_base_url,
)
from openai_replay.launch.trust import Trust, java_options, system_bundle
from openai_replay.options import HostPattern, Mode, default_values, settings
from openai_replay.proxy.certificate_authority import certificate_authority, data_folder

PORT = 18080


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    authority = certificate_authority(tmp_path_factory.mktemp("authority"))
    return Trust(authority.folder / "trust", authority.certificate_file)


def hosts(*texts: str) -> tuple[HostPattern, ...]:
    return settings({**default_values({}), "recording_hosts": texts, "recording_dir": "."}).hosts


def changes(trust: Trust, environment: Mapping[str, str], test_id: str | None = None) -> Changes:
    return through_proxy(environment, PORT, trust, hosts("api.openai.com"), test_id)


def test_proxy_variables_are_in_both_cases(trust: Trust) -> None:
    made = changes(trust, {})
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        assert made[name] == made[name.lower()] == "http://127.0.0.1:18080"


def test_a_test_id_is_the_proxys_user_name(trust: Trust) -> None:
    made = changes(trust, {}, "tests/a.py::b[c@d]")
    assert made["https_proxy"] == "http://tests%2Fa.py%3A%3Ab%5Bc%40d%5D:any@127.0.0.1:18080"


@pytest.mark.parametrize(
    ("recorded", "entry", "is_kept"),
    [
        ("api.openai.com", "api.openai.com", False),
        ("api.openai.com", "openai.com", False),
        ("api.openai.com", ".OpenAI.com", False),
        ("api.openai.com", "*.openai.com", False),
        ("api.openai.com", "api.openai.com:443", False),
        ("api.openai.com", "*", False),
        ("api.openai.com", "notopenai.com", True),
        ("api.openai.com", "my.api.openai.com", True),
        ("*.openai.azure.com", "mine.openai.azure.com", False),
        ("*.openai.azure.com", "azure.com", False),
        ("10.1.2.3:8000", "10.0.0.0/8", False),
        ("10.1.2.3:8000", "192.168.0.0/16", True),
    ],
)
def test_no_proxy_keeps_what_exempts_no_recorded_host(recorded: str, entry: str, is_kept: bool) -> None:
    entries = no_proxy({"NO_PROXY": f"first, {entry}"}, hosts(recorded))
    assert entries == ["first", *([entry] if is_kept else []), "localhost", "127.0.0.1", "::1"]


def test_a_recorded_host_on_loopback_is_not_exempt() -> None:
    assert no_proxy({}, hosts("localhost:11434")) == ["127.0.0.1", "::1"]


def test_a_bundle_has_the_systems_authorities_and_the_proxys_once(trust: Trust, tmp_path: Path) -> None:
    authority = trust.authority_file.read_text().strip()
    first = Path(str(changes(trust, {})["SSL_CERT_FILE"])).read_text()
    assert first.count("BEGIN CERTIFICATE") == system_bundle().read_text().count("BEGIN CERTIFICATE") + 1
    assert first.count(authority) == 1
    within = changes(trust, applied(changes(trust, {}), {}))
    assert within["SSL_CERT_FILE"] == changes(trust, {})["SSL_CERT_FILE"]


def test_a_bundle_of_the_users_is_kept(trust: Trust, tmp_path: Path) -> None:
    authorities = []
    for name in ("own", "requests", "node"):
        authorities.append(certificate_authority(tmp_path / name).certificate_file)
    own, requests, node = map(str, authorities)
    made = changes(trust, {"SSL_CERT_FILE": own, "REQUESTS_CA_BUNDLE": requests, "NODE_EXTRA_CA_CERTS": node})
    expected = {"SSL_CERT_FILE": own, "CURL_CA_BUNDLE": own, "REQUESTS_CA_BUNDLE": requests}
    for name, source in {**expected, "NODE_EXTRA_CA_CERTS": node}.items():
        text = Path(str(made[name])).read_text()
        assert text.count("BEGIN CERTIFICATE") == 2
        assert Path(source).read_text().strip() in text
    assert made["DENO_CERT"] == str(trust.authority_file)


def test_php_finds_an_ini_file_besides_its_own(trust: Trust) -> None:
    made = changes(trust, {"PHP_INI_SCAN_DIR": "/mine"})
    first, ours = str(made["PHP_INI_SCAN_DIR"]).split(":")
    assert first == "/mine"
    ini = (Path(ours) / "openai-replay.ini").read_text()
    assert f'openssl.cafile="{made["SSL_CERT_FILE"]}"' in ini.splitlines()
    assert changes(trust, applied(made, {}))["PHP_INI_SCAN_DIR"] == made["PHP_INI_SCAN_DIR"]


def test_java_gets_the_proxy_and_a_trust_store_and_keeps_the_users_options(trust: Trust) -> None:
    given = '-Xmx1g -Dname="a b" -Dhttps.proxyHost=elsewhere'
    made = changes(trust, {"JAVA_TOOL_OPTIONS": given})
    options = java_options(str(made["JAVA_TOOL_OPTIONS"]))
    assert options[:2] == ["-Xmx1g", "-Dname=a b"]
    assert "-Dhttps.proxyHost=127.0.0.1" in options
    assert "-Dhttps.proxyPort=18080" in options
    assert "-Dhttp.nonProxyHosts=localhost|127.0.0.1|::1" in options
    assert not any("elsewhere" in option for option in options)
    (store,) = (o.partition("=")[2] for o in options if o.startswith("-Djavax.net.ssl.trustStore="))
    loaded = pkcs12.load_pkcs12(Path(store).read_bytes(), b"changeit")
    names = {entry.certificate.subject.rfc4514_string() for entry in loaded.additional_certs}
    assert any("CN=openai-replay" in name for name in names)
    assert len(names) > 20
    again = changes(trust, {"JAVA_TOOL_OPTIONS": str(made["JAVA_TOOL_OPTIONS"])})
    assert again["JAVA_TOOL_OPTIONS"] == made["JAVA_TOOL_OPTIONS"]


def test_a_base_url_leads_to_the_proxy_and_past_other_proxies() -> None:
    target = target_of({"OPENAI_BASE_URL": "https://openrouter.ai/api/v1/"})
    assert target == Target("https://openrouter.ai", "/api/v1")
    made = through_base_url({"OPENAI_BASE_URL": "https://openrouter.ai/api/v1/"}, PORT, target, "a/b")
    assert made["OPENAI_BASE_URL"] == made["OPENAI_API_BASE"] == "http://127.0.0.1:18080/@a%2Fb/api/v1"
    assert made["NO_PROXY"] == made["no_proxy"] == "localhost,127.0.0.1,::1"
    assert target_of(applied(made, {})) == target


def test_nodes_realtime_client_trusts_the_proxy_at_a_base_url(trust: Trust) -> None:
    made = tls_at_base_url({}, trust)

    assert trust.authority_file.read_text() in Path(str(made["NODE_EXTRA_CA_CERTS"])).read_text()


def test_a_run_within_a_base_url_run_has_the_users_own_base_url(trust: Trust) -> None:
    outer = applied(through_base_url({}, PORT, target_of({})), {})
    assert target_of(outer) == Target("https://api.openai.com", "/v1")
    inner = applied(changes(trust, outer), outer)
    assert not {"OPENAI_BASE_URL", "OPENAI_API_BASE", ORIGINAL_BASE_URL} & inner.keys()


def test_a_base_url_that_is_none_is_an_error() -> None:
    with pytest.raises(
        ValueError, match=r"OPENAI_BASE_URL='api': expected a URL such as https://api\.openai"
    ):
        target_of({"OPENAI_BASE_URL": "api"})


def test_a_dummy_key_is_for_replay_and_for_those_who_have_none() -> None:
    assert dummy_key({}, Mode.REPLAY).keys() == {"OPENAI_API_KEY"}
    assert dummy_key({"OPENAI_API_KEY": ""}, Mode.REPLAY).keys() == {"OPENAI_API_KEY"}
    assert dummy_key({"OPENAI_API_KEY": "mine"}, Mode.REPLAY) == {}
    assert dummy_key({}, Mode.RECORD) == {}


AWKWARD: Changes = {"A": 'it\'s "$HOME" `id` \\ é', "B": "", "C": None}


def test_lines_for_a_shell_mean_what_they_say() -> None:
    script = FORMATS["sh"](AWKWARD) + "exec env"
    environment = {"C": "set", "PATH": os.environ["PATH"]}
    result = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=True)
    lines = result.stdout.splitlines()
    assert f"A={AWKWARD['A']}" in lines
    assert "B=" in lines
    assert not any(line.startswith("C=") for line in lines)


def test_other_formats_quote_too() -> None:
    assert FORMATS["dotenv"]({"A": "$x", "B": "it's $x"}) == "A='$x'\nB=\"it's \\$x\"\n"
    assert FORMATS["powershell"]({"A": "it's $x", "C": None}) == (
        "$env:A = 'it''s $x'\nRemove-Item Env:C -ErrorAction SilentlyContinue\n"
    )
    assert json.loads(FORMATS["json"](AWKWARD)) == AWKWARD


def test_the_users_folder_follows_the_xdg_specification(tmp_path: Path) -> None:
    assert data_folder({"XDG_DATA_HOME": str(tmp_path)}) == tmp_path / "openai-replay"
    assert data_folder({"XDG_DATA_HOME": "relative"}) == Path.home() / ".local/share/openai-replay"


def test_fish_quotes_with_its_two_escapes() -> None:
    assert FORMATS["fish"]({"A": r"it's \x", "B": None}) == "set -gx A 'it\\'s \\\\x'\nset -e B\n"
