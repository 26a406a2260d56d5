"""Images: generations, edits and variations, whole and as partial images."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from ..events import ServerSentEvent, json_event
from ..exchange import Answer
from ..multipart import fields_of
from .account import Call
from .answers import json_answer, stream_answer
from .identifiers import now, random_text
from .pictures import png
from .routes import Route

USAGE = {
    "input_tokens": 13,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 13},
    "output_tokens": 272,
    "total_tokens": 285,
}


def _generate(call: Call) -> Answer:
    return _answer(call.body, "image_generation")


def _edit(call: Call) -> Answer:
    return _answer(fields_of(call.request), "image_edit")


def _answer(wanted: dict[str, Any], kind: str) -> Answer:
    if wanted.get("stream") in (True, "true"):
        return stream_answer(_events(wanted, kind))
    count = int(wanted.get("n") or 1)
    data = [_image(wanted, index) for index in range(count)]
    if str(wanted.get("model", "dall-e-2")).startswith("dall-e"):
        return json_answer({"created": now(), "data": data})
    return json_answer({"created": now(), **_looks(wanted), "data": data, "usage": USAGE})


def _image(wanted: dict[str, Any], index: int) -> dict[str, Any]:
    asks_for_url = str(wanted.get("model", "dall-e-2")).startswith("dall-e")
    if asks_for_url and wanted.get("response_format", "url") == "url":
        return {"url": f"https://oaidalleapiprodscus.blob.core.windows.net/private/img-{random_text(24)}.png"}
    return {"b64_json": _base64(png(f"{wanted.get('prompt')} {index}"))}


def _events(wanted: dict[str, Any], kind: str) -> Iterator[ServerSentEvent]:
    partial = int(wanted.get("partial_images") or 0)
    looks = _looks(wanted)
    created = now()
    prompt = f"{wanted.get('prompt')} 0"
    for index in range(partial):
        name = f"{kind}.partial_image"
        picture = _base64(png(prompt, (index + 1) / (partial + 1)))
        event = {
            "type": name,
            "created_at": created,
            **looks,
            "partial_image_index": index,
            "b64_json": picture,
        }
        yield json_event(event, name)
    name = f"{kind}.completed"
    event = {"type": name, "created_at": created, **looks, "b64_json": _base64(png(prompt)), "usage": USAGE}
    yield json_event(event, name)


def _looks(wanted: dict[str, Any]) -> dict[str, Any]:
    return {
        "background": wanted.get("background", "opaque"),
        "output_format": wanted.get("output_format", "png"),
        "quality": wanted.get("quality", "low"),
        "size": wanted.get("size", "1024x1024"),
    }


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


ROUTES = (
    Route("POST", "/v1/images/generations", _generate),
    Route("POST", "/v1/images/edits", _edit),
    Route("POST", "/v1/images/variations", _edit),
)
