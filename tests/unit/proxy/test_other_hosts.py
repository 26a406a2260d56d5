"""`other_hosts`: hosts that are not recorded are refused, or pointed out where they are real APIs."""

from __future__ import annotations

import logging

import pytest
from mitmproxy.proxy import mode_specs
from mitmproxy.test import tflow

from openai_replay.front_end import FrontEnd
from openai_replay.options import OPTIONS, Settings, settings
from openai_replay.proxy.other_hosts import OtherHostWatch, is_known_api
from openai_replay.report import Report


def checked(directory: object, **given: object) -> Settings:
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    return settings(values | {"recording_dir": str(directory), **given})


@pytest.mark.parametrize(
    "host",
    [
        *("my.openai.azure.com", "us.api.openai.com", "openrouter.ai", "API.anthropic.com.", "api.groq.com"),
        *("generativelanguage.googleapis.com", "us-central1-aiplatform.googleapis.com", "api.mistral.ai"),
        *("bedrock-runtime.us-east-1.amazonaws.com", "a.b.services.ai.azure.com", "my.openai.azure.us"),
        *("chatgpt.com", "api.moonshot.cn", "dashscope-intl.aliyuncs.com", "ai-gateway.vercel.sh"),
    ],
)
def test_public_apis_are_known(host: str) -> None:
    assert is_known_api(host)


@pytest.mark.parametrize(
    "host",
    ["example.com", "openai.azure.com.example", "xopenrouter.ai", "s3.amazonaws.com", "platform.openai.com"],
)
def test_other_hosts_are_not(host: str) -> None:
    assert not is_known_api(host)


def test_a_tunnel_to_an_api_in_replay_is_named_once_and_counted(
    tmp_path: object, caplog: pytest.LogCaptureFixture
) -> None:
    report = Report()
    watch = OtherHostWatch(report, FrontEnd.MITMDUMP)
    with caplog.at_level(logging.WARNING):
        for host in ("my.openai.azure.com", "example.com", "my.openai.azure.com"):
            watch.connected(host, checked(tmp_path))

    (record,) = caplog.records
    assert record.getMessage().startswith(
        "my.openai.azure.com is not recorded: a request went to the real API"
    )
    assert report.to_json("replay", (), None, all_tests=True)["other_apis"] == {"my.openai.azure.com": 2}


@pytest.mark.parametrize(("mode", "is_pointed_out"), [("socks5", True), ("regular", False)])
def test_a_connection_that_no_request_names_is_pointed_out(
    tmp_path: object, caplog: pytest.LogCaptureFixture, mode: str, is_pointed_out: bool
) -> None:
    client = tflow.tclient_conn()
    client.proxy_mode, client.sni = mode_specs.ProxyMode.parse(mode), "api.groq.com"
    watch = OtherHostWatch(Report(), FrontEnd.MITMDUMP)
    with caplog.at_level(logging.WARNING):
        watch.opened(client, "192.0.2.1", checked(tmp_path))

    assert ("api.groq.com is not recorded" in caplog.text) is is_pointed_out


def test_while_recording_other_apis_are_not_pointed_out(
    tmp_path: object, caplog: pytest.LogCaptureFixture
) -> None:
    watch = OtherHostWatch(Report(), FrontEnd.MITMDUMP)
    with caplog.at_level(logging.WARNING):
        watch.connected("openrouter.ai", checked(tmp_path, recording_mode="record"))
    assert not caplog.records


def test_refusals_name_the_host_in_one_line(tmp_path: object, caplog: pytest.LogCaptureFixture) -> None:
    watch = OtherHostWatch(Report(), FrontEnd.MITMDUMP)
    refusing = checked(tmp_path, recording_other_hosts="refuse")
    reason = "example.com is none of recording_hosts, and recording_other_hosts=refuse"
    with caplog.at_level(logging.WARNING):
        assert [watch.refusal("example.com", refusing) for _ in range(3)] == [reason] * 3

    assert [record.getMessage() for record in caplog.records] == [f"Refused: {reason}"]
    assert watch.refusal("example.com", checked(tmp_path)) == ""
