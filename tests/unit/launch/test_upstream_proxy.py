"""The proxy that a machine has to use already."""

import pytest

from openai_replay.launch.upstream_proxy import UpstreamProxy, upstream_proxy
from openai_replay.options import HostPattern, default_values, settings


def hosts(*texts: str) -> tuple[HostPattern, ...]:
    return settings({**default_values({}), "recording_hosts": texts, "recording_dir": "."}).hosts


HOSTS = hosts("api.openai.com", "llm.intranet:8000")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"HTTP_PROXY": "http://p:1"}, None),
        ({"HTTPS_PROXY": "http://p:1"}, UpstreamProxy("http://p:1", "", ())),
        ({"ALL_PROXY": "p:1", "https_proxy": "https://q:2"}, UpstreamProxy("https://q:2", "", ())),
        ({"ALL_PROXY": "p:1"}, UpstreamProxy("http://p:1", "", ())),
        ({"HTTPS_PROXY": "http://me:s%40cret@p:1"}, UpstreamProxy("http://p:1", "me:s@cret", ())),
        (
            {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "localhost,.intranet"},
            UpstreamProxy("http://p:1", "", ("llm.intranet:8000",)),
        ),
        (
            {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"},
            UpstreamProxy("http://p:1", "", ("api.openai.com", "llm.intranet:8000")),
        ),
    ],
)
def test_variables_name_the_proxy_its_credentials_and_the_hosts_that_go_without(
    environment: dict[str, str], expected: UpstreamProxy | None
) -> None:
    assert upstream_proxy(environment, HOSTS) == (expected, "")


def test_a_proxy_of_another_kind_is_said_not_to_be_used() -> None:
    assert upstream_proxy({"ALL_PROXY": "socks5://p:1"}, HOSTS) == (
        None,
        "the proxy socks5://p is not used: expected one of http or https",
    )
