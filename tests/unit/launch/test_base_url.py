"""The API behind OPENAI_BASE_URL."""

import pytest

from openai_replay.launch.base_url import ORIGINAL_BASE_URL, Target, original_base_url, target_of


@pytest.mark.parametrize(
    ("text", "target", "authority", "pattern"),
    [
        ("", Target("https://api.openai.com", "/v1"), ("api.openai.com", 443), "api.openai.com:443"),
        (
            "https://openrouter.ai/api/v1/",
            Target("https://openrouter.ai", "/api/v1"),
            ("openrouter.ai", 443),
            "openrouter.ai:443",
        ),
        ("http://vllm", Target("http://vllm", ""), ("vllm", 80), "vllm:80"),
        ("http://[::1]:8000/v1", Target("http://[::1]:8000", "/v1"), ("::1", 8000), "[::1]:8000"),
        ("https://user:secret@host:1/v1", Target("https://host:1", "/v1"), ("host", 1), "host:1"),
    ],
)
def test_a_base_url_names_an_origin_a_path_and_a_host_to_record(
    text: str, target: Target, authority: tuple[str, int], pattern: str
) -> None:
    found = target_of({"OPENAI_BASE_URL": text})
    assert (found, found.authority(), found.host_pattern()) == (target, authority, pattern)


@pytest.mark.parametrize("text", ["api", "ftp://x/v1", "https://"])
def test_a_text_that_is_no_http_url_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="expected a URL such as"):
        target_of({"OPENAI_BASE_URL": text})


def test_the_users_own_base_url_is_found_behind_that_of_a_run_around_this_one() -> None:
    assert original_base_url({"OPENAI_API_BASE": "http://a"}) == "http://a"
    assert original_base_url({"OPENAI_BASE_URL": "http://proxy", ORIGINAL_BASE_URL: ""}) == ""
    assert original_base_url({"OPENAI_BASE_URL": "http://proxy", ORIGINAL_BASE_URL: "http://a"}) == "http://a"
