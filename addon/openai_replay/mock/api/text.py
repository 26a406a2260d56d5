"""The texts of the mock model: the same words for the same request, in pieces like tokens."""

from __future__ import annotations

import re
from typing import Any

KNOWN_REPLIES = {
    "capital of france": "The capital of France is Paris.",
    "starting with letter s": "The planet with rings and a name starting with the letter “S” is Saturn.",
    "haiku": "Récursion, naïve call —\neach echo returns the same:\nthe tape never lies. 🪐",
    "hello": "Hello! How can I assist you today?",
}
REFUSAL = "I'm sorry, I can't assist with that request."
WORD_COUNT = re.compile(r"\b(\d+) (?:words|tokens|chunks)\b")
TOKEN = re.compile(r"\s?[^\W\d_]{1,8}|\s?\d{1,3}|\s?[^\w\s]{1,3}|_+|\s+")
VOCABULARY = (
    "Every",
    " word",
    " of",
    " this",
    " answer",
    " is",
    " one",
    " token",
    ",",
    " so",
    " counting",
    " them",
    ".",
)


def reply_to(question: str) -> str:
    """Return the model's answer to `question`. "…500 words…" in it makes an answer of 500 tokens."""
    if count := WORD_COUNT.search(question):
        return "".join(VOCABULARY[index % len(VOCABULARY)] for index in range(int(count[1])))
    for words, reply in KNOWN_REPLIES.items():
        if words in question.lower():
            return reply
    quoted = " ".join(question.split())[:80]
    return f"You said: “{quoted}”. I am a stand-in for a model: naïve, but always of the same opinion. ✓"


def tokens(text: str) -> list[str]:
    """Return `text` in pieces; joined they are `text` again."""
    return TOKEN.findall(text)


def count_tokens(value: Any) -> int:
    """Return how many tokens the texts in `value`, any JSON, would be billed as."""
    if isinstance(value, str):
        return len(tokens(value))
    if isinstance(value, dict):
        return sum(count_tokens(member) for member in value.values())
    if isinstance(value, list):
        return sum(count_tokens(item) + 3 for item in value)
    return 0


def wants_refusal(question: str) -> bool:
    """Tell whether the mock model declines `question`."""
    return "please refuse" in question.lower()


def text_of(content: Any) -> str:
    """Return the text of a message's `content`: a string, or a list of parts of which some are text."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(part.get("text") or "" if isinstance(part, dict) else str(part) for part in content)
    return ""


def last_user_text(body: dict[str, Any]) -> str:
    """Return the question in `body`: the last user's message, or the prompt or input of another endpoint."""
    messages = body.get("messages") if isinstance(body.get("messages"), list) else body.get("input")
    if isinstance(messages, list):
        users = [item for item in messages if isinstance(item, dict) and item.get("role", "user") == "user"]
        if users:
            return text_of(users[-1].get("content") or users[-1].get("text"))
    asked = body.get("prompt", body.get("input", ""))
    return text_of(asked)
