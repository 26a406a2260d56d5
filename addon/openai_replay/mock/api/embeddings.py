"""Embeddings: the same text has the same vector, as numbers or as base64."""

from __future__ import annotations

import base64
import hashlib
import math
import random
import struct
from typing import Any

from ..exchange import Answer
from .account import Call
from .answers import ApiError, json_answer
from .models import dated
from .routes import Route
from .text import count_tokens

DIMENSIONS = {"text-embedding-3-large": 3072}
DEFAULT_DIMENSIONS = 1536


def _create(call: Call) -> Answer:
    inputs = _inputs(call.body.get("input"))
    model = dated(call.body.get("model", ""))
    size = call.body.get("dimensions") or DIMENSIONS.get(model, DEFAULT_DIMENSIONS)
    vectors = [_vector(text, size) for text in inputs]
    encode = _base64 if call.body.get("encoding_format") == "base64" else _numbers
    used = sum(map(count_tokens, inputs))
    return json_answer(
        {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": encode(vector)}
                for index, vector in enumerate(vectors)
            ],
            "model": model,
            "usage": {"prompt_tokens": used, "total_tokens": used},
        }
    )


def _inputs(given: Any) -> list[str]:
    """Return the texts to embed; a list of token numbers counts as one text."""
    if not given:
        raise ApiError(
            400,
            "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.",
        )
    if isinstance(given, str):
        return [given]
    if isinstance(given[0], int):
        return [" ".join(map(str, given))]
    return [text if isinstance(text, str) else " ".join(map(str, text)) for text in given]


def _vector(text: str, size: int) -> list[float]:
    """Return a vector of length one, each number as a 32-bit float holds it."""
    numbers = random.Random(hashlib.sha256(text.encode()).digest())
    raw = [numbers.gauss(0, 1) for _ in range(size)]
    norm = math.sqrt(sum(value * value for value in raw))
    return list(struct.unpack(f"<{size}f", struct.pack(f"<{size}f", *(value / norm for value in raw))))


def _numbers(vector: list[float]) -> list[float]:
    # The API prints eight digits of a 32-bit float.
    return [float(f"{value:.8g}") for value in vector]


def _base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


ROUTES = (Route("POST", "/v1/embeddings", _create),)
