"""`secret_looks`: keys are told from words by their look, wherever they stand."""

from __future__ import annotations

import base64
import random

import pytest

from openai_replay.request.secret_looks import LOOKS, SIGNS, keys

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def found(text: str) -> set[str]:
    return {text[key.start : key.end] for key in keys(text)}


def word(length: int, seed: int = 1, letters: str = LETTERS) -> str:
    return "".join(random.Random(seed).choices(letters, k=length))


KEYS = {
    "OpenAI's, old": f"sk-{word(48)}",
    "OpenAI's of a project": f"sk-proj-{word(60)}_{word(60, 2)}-{word(9, 3)}",
    "OpenAI's of a service": f"sk-svcacct-{word(80)}",
    "OpenAI's of an administrator": f"sk-admin-{word(80)}",
    "Anthropic's": f"sk-ant-api03-{word(90)}-AA",
    "OpenRouter's": f"sk-or-v1-{word(64, letters='0123456789abcdef')}",
    "LiteLLM's": "sk-aB3_dEf-Gh1jKlMn-pQrSt",
    "a short one of letters and digits": "sk-live-4242aaaabbbbcccc",
    "a UUID": "sk-550e8400-e29b-41d4-a716-446655440000",
    "of the Realtime API": "ek_68af296e8e408191a1120ab6383263c2",
    "GitHub's": f"ghp_{word(36)}",
    "GitHub's, new": f"github_pat_{word(22)}_{word(59, 2)}",
    "GitLab's": f"glpat-{word(20)}",
    "Hugging Face's": f"hf_{word(34, letters=LETTERS[:52])}",
    "Groq's": f"gsk_{word(52)}",
    "Slack's": "xoxb-123456789012-1234567890123-AbCdEfGhIjKlMnOp",
    "Amazon's": "AKIAIOSFODNN7EXAMPLE",
    "Google's": f"AIza{word(35)}",
    "a JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    "a bearer": f"Bearer {word(40)}",
    "a bearer in capitals": f"BEARER {word(40)}",
    "of OpenAI's webhooks": f"whsec_{word(32)}",
    "of a session of OpenAI's": f"sess-{word(40)}",
    "Replicate's": f"r8_{word(37)}",
    "Tavily's": f"tvly-{word(32)}",
    "LangSmith's": f"lsv2_pt_{word(32, letters='0123456789abcdef')}_{word(10, 2)}",
    "Pinecone's": f"pcsk_{word(60)}",
    "Bedrock's": f"ABSK{word(110)}",
    "a bearer after a tab": f"bearer\t{word(40)}",
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("text", ["{}", "It is {}.", '"{}"', "a={}&b", "({})", "/{}/", "key:{}\n"])
def test_a_key_is_found_whole(key: str, text: str) -> None:
    assert any(key in part for part in found(text.format(key)))


@pytest.mark.parametrize(
    "name",
    [
        *(
            "OpenAI's of a project",
            "Anthropic's",
            "OpenRouter's",
            "GitHub's",
            "GitHub's, new",
            "Groq's",
            "Slack's",
        ),
        *("of OpenAI's webhooks", "Tavily's", "LangSmith's", "Pinecone's"),
    ],
)
def test_a_prefix_that_is_nothing_else_needs_no_boundary(name: str) -> None:
    assert KEYS[name] in found(f"n{KEYS[name]}")


@pytest.mark.parametrize("before", ["", "k", "{}", "x" * 300, "Authorization: "])
def test_a_bearer_in_base64_is_found(before: str) -> None:
    key = f"sk-proj-{word(60)}"
    encoded = base64.b64encode(f"{before}Bearer {key}, and so on".encode()).decode()

    (found_key,) = keys(encoded)
    rest = encoded[: found_key.start]
    assert key[4:] not in base64.b64decode(rest + "A" * (-len(rest) % 4)).decode("latin-1")
    assert found_key.end == len(encoded)


@pytest.mark.parametrize("before", ["", "k", "{}"])
def test_a_projects_key_in_base64_is_found(before: str) -> None:
    key = f"sk-proj-{word(60)}"

    (found_key,) = keys(base64.b64encode(f"{before}{key}".encode()).decode())
    assert found_key.is_certain


@pytest.mark.parametrize(
    "assignment",
    ["DB_PASSWORD={}", "export AZURE_OPENAI_API_KEY='{}'", '"GH_TOKEN": "{}"', "CLIENT_SECRET = {}\n"],
)
def test_a_random_value_of_an_environment_variable_is_found(assignment: str) -> None:
    value = word(32, letters="0123456789abcdef")

    assert found(assignment.format(value)) == {value}


@pytest.mark.parametrize("user", ["me", "", "x-access-token"])
def test_a_random_password_of_a_url_is_found(user: str) -> None:
    password = "aB3dEf9hIj2kLm8n"
    text = f"git clone https://{user}:{password}@github.com/a.git"

    assert found(text) == {password}
    assert not any(key.is_certain for key in keys(text))


def test_only_the_signature_of_a_signed_url_is_a_secret() -> None:
    signature = "9qJk3bW%2F0aZxYvUtSrQpOnMlKjIhGfEdCbA987654%3D"
    url = f"https://h.blob.core.windows.net/img.png?se=2026&sig={signature}&sp=r"

    assert found(url) == {signature}


@pytest.mark.parametrize(
    "text",
    [
        *("sk-learn-pipelines-are-fun", "task-1234567890123456", "sk-1234", "a risk-assessment-2024-01-01"),
        *(
            "sk-hynix-ddr5-16gb",
            "sk-Hynix-DDR5-16GB-RAM-Kit",
            "desk-a1b2c3d4e5f6a7b8",
            "task-proj-planning-2024-for-x",
        ),
        *(
            "week_a1b2c3d4e5f6a7b8",
            "the bearer of this letter",
            "Bearer token",
            "postgres://user:password123@localhost:5432/db",
            "https://a.example:8080/a@b",
            "Bearer authentication",
            "Bearer certificate2024",
            "MAX_TOKEN=1234567890123456",
            "SECRET_KEY=django-insecure-change-me-2024",
            "API_KEY=your-api-key-goes-here-1",
            "AKIA",
        ),
        *(
            "half_a1b2c3d4e5f6a7b8c9d0e1",
            "?sig=yes",
            "&sig=short1",
            "eyJ",
            "a.b.c",
            "REDACTED",
            "BEGIN PRIVATE KEY",
        ),
    ],
)
def test_words_are_no_keys(text: str) -> None:
    assert found(text) == set()


def test_encoded_data_is_no_key() -> None:
    data = random.Random(7).randbytes(1_000_000)

    assert found(base64.urlsafe_b64encode(data).decode()) == set()
    assert found(base64.b64encode(data).decode()) == set()


def test_every_key_has_a_sign() -> None:
    for key in KEYS.values():
        assert any(sign in key for sign in SIGNS)
    assert len(LOOKS) <= len(SIGNS)
