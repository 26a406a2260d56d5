"""The file that the format's reference recorder writes for an exchange: made with the openai package, not with ours."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import urlsplit

from openai._models import construct_type
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel

NORMALISED = (ChatCompletionChunk, ChatCompletion, Completion)


def request_hash(url: str, body: Any, test_id: str | None) -> str:
    """Return the format's hash of a POST whose body has no floats and no volatile texts."""
    hashed = {"method": "POST", "endpoint": urlsplit(url).path, "body": body, "test_id": test_id}
    return hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()


def envelope(wire: Any, model: type[BaseModel], name: str) -> dict[str, Any]:
    """Return the envelope of one object of the wire, in a recording of that name."""
    constructed: Any = construct_type(value=wire, type_=model)
    data = constructed.model_dump(mode="json")
    if model in NORMALISED:
        data |= {"id": f"rec-{name[:12]}", "created": 0}
    return {"__type__": f"{model.__module__}.{model.__qualname__}", "__data__": data}


def recording(
    url: str, body: dict[str, Any], wire: Any, *, streamed: bool = False, test_id: str | None = None
) -> tuple[str, str]:
    """Return name and content of the file: `wire` is the answer, a list of the chunks if it was streamed."""
    name = request_hash(url, body, test_id)
    path = urlsplit(url).path
    if path.endswith("/embeddings"):
        model: type[BaseModel] = CreateEmbeddingResponse
    elif path.endswith("/chat/completions"):
        model = ChatCompletionChunk if streamed else ChatCompletion
    else:
        model = Completion
    value = {
        "test_id": test_id,
        "request": {
            "method": "POST",
            "url": url,
            "headers": {},
            "body": body,
            "endpoint": path,
            "model": body.get("model", ""),
        },
        "response": {
            "body": [envelope(chunk, model, name) for chunk in wire]
            if streamed
            else envelope(wire, model, name),
            "is_streaming": streamed,
        },
        "id_normalization_mapping": {},
    }
    return f"{name}.json", json.dumps(value, indent=2, ensure_ascii=False) + "\n"
