"""Moderations: "violent" words are flagged, the rest is not."""

from __future__ import annotations

from typing import Any

from ..exchange import Answer
from .account import Call
from .answers import json_answer
from .identifiers import new_hex_id
from .routes import Route
from .text import text_of

CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "sexual",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm/intent",
    "self-harm/instructions",
    "self-harm",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


def _create(call: Call) -> Answer:
    given = call.body.get("input", "")
    texts = (
        given if isinstance(given, list) and all(isinstance(one, str) for one in given) else [text_of(given)]
    )
    model = call.body.get("model", "omni-moderation-latest")
    return json_answer(
        {"id": new_hex_id("modr-", 32), "model": model, "results": [_result(text) for text in texts]}
    )


def _result(text: str) -> dict[str, Any]:
    violent = "kill" in text.lower()
    flags = {name: violent and name == "violence" for name in CATEGORIES}
    return {
        "flagged": violent,
        "categories": flags,
        "category_scores": {name: 0.9132 if flag else 1.1235328063870752e-05 for name, flag in flags.items()},
        "category_applied_input_types": {name: ["text"] for name in CATEGORIES},
    }


ROUTES = (Route("POST", "/v1/moderations", _create),)
