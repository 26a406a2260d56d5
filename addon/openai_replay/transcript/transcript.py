"""Read a recording of any endpoint as a conversation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from ..format.recording import (
    JSON,
    BodyFile,
    Chunks,
    FailedCall,
    Messages,
    Models,
    Nothing,
    RawLines,
    Recording,
    Whole,
    opened,
)
from ..format.short_text import number_of
from ..request.upgrade import is_upgrade
from . import chat, responses
from .session import socket_turns
from .turns import Kind, Transcript, Turn, content_turns, items, members, text_of, token_counts

_DONE = "[DONE]"


def transcript(recording: Recording) -> Transcript:
    """Return a recording as a person reads it; every shape of body gives one."""
    sent = tuple(_sent(recording.request.body))
    answered = _received(sent, recording)
    failure = recording.response.failure
    if failure is None or not recording.response.is_streaming:
        return answered
    return replace(answered, ending=f"broke off: {failure.message}")


def _sent(body: JSON) -> list[Turn]:
    given = members(body)
    if is_upgrade(body):
        return []
    if "messages" in given:
        return list(chat.message_turns(given["messages"]))
    if "input" in given and "messages" not in given:
        return list(responses.input_turns(given))
    if "prompt" in given:
        return list(content_turns("user", given["prompt"]))
    return [Turn("user", text_of(body), Kind.DATA)] if body not in ({}, None) else []


def _received(sent: tuple[Turn, ...], recording: Recording) -> Transcript:
    match recording.response.content():
        case FailedCall(status, body, failure):
            message = text_of(members(body).get("message")) or text_of(body) or failure.message
            return Transcript(sent, (Turn("error", message),), ending=f"error {status}")
        case Chunks(chunks):
            return _streamed(sent, [members(opened(chunk)[1]) for chunk in chunks])
        case RawLines(lines):
            return _streamed(sent, _objects_of(lines))
        case Models(models):
            names = ", ".join(text_of(members(opened(model)[1]).get("id")) for model in models)
            return Transcript(sent, (Turn("models", names, Kind.DATA),))
        case Whole(value):
            return _whole(sent, opened(value)[1])
        case BodyFile(name):
            return Transcript(sent, (Turn("file", text_of(name), Kind.DATA),))
        case Nothing():
            return Transcript(sent, ())
        case Messages(messages):
            return Transcript(sent, tuple(socket_turns(messages)))


def _objects_of(lines: Sequence[str]) -> list[dict[str, JSON]]:
    """Return the JSON objects of the data lines of a stream; other lines hold no part of a conversation."""
    found = []
    for line in lines:
        data = line.removeprefix("data:").strip()
        if line.startswith("data:") and data != _DONE:
            try:
                found.append(members(json.loads(data)))
            except ValueError:
                continue
    return found


def _streamed(sent: tuple[Turn, ...], chunks: list[dict[str, JSON]]) -> Transcript:
    if any("choices" in chunk for chunk in chunks):
        return chat.streamed_completion(sent, chunks)
    if any(text_of(chunk.get("type")).startswith("response.") for chunk in chunks):
        return responses.streamed_response(sent, chunks)
    return _events(sent, chunks)


def _events(sent: tuple[Turn, ...], chunks: list[dict[str, JSON]]) -> Transcript:
    """Return the transcript of another stream, such as one of a transcription or an assistant's run."""
    kinds = [name for chunk in chunks if (name := text_of(chunk.get("type") or chunk.get("event")))]
    ending = kinds[-1] if kinds else ""
    if said := "".join(_said(chunk.get("delta")) for chunk in chunks):
        return Transcript(sent, (Turn("assistant", said),), ending=ending)
    summary = ", ".join(dict.fromkeys(kinds)) or number_of(len(chunks), "chunk")
    return Transcript(sent, (Turn("assistant", summary, Kind.DATA),), ending=ending)


def _said(delta: JSON) -> str:
    """Return the text of a delta: the delta itself, or its member `text` (Anthropic)."""
    text = members(delta).get("text") if isinstance(delta, dict) else delta
    return text if isinstance(text, str) else ""


def _whole(sent: tuple[Turn, ...], value: JSON) -> Transcript:
    body = members(value)
    if "choices" in body:
        return chat.completion(sent, body)
    if body.get("object") == "response" and "output" in body:
        return responses.response(sent, body)
    if body.get("type") == "message":  # Anthropic
        received = tuple(content_turns("assistant", body.get("content")))
        return Transcript(sent, received, token_counts(body.get("usage")), text_of(body.get("stop_reason")))
    return Transcript(sent, (_summary(value, body),), token_counts(body.get("usage")))


def _summary(value: JSON, body: dict[str, JSON]) -> Turn:
    data = items(body.get("data"))
    vectors = [members(item).get("embedding") for item in data]
    if data and all(isinstance(vector, list | str) for vector in vectors):
        first = vectors[0]
        size = f" of {len(first)} dimensions" if isinstance(first, list) else ""
        return Turn("embeddings", f"{number_of(len(vectors), 'vector')}{size}", Kind.DATA)
    if any(members(item).get("b64_json") or members(item).get("url") for item in data):
        return Turn("images", number_of(len(data), "image"), Kind.DATA)
    verdicts = [members(item) for item in items(body.get("results"))]
    if verdicts and all("flagged" in verdict for verdict in verdicts):
        return Turn("moderation", "; ".join(map(_verdict, verdicts)), Kind.DATA)
    if isinstance(text := body.get("text"), str):
        return Turn("assistant", text)
    return Turn("data", text_of(value), Kind.DATA)


def _verdict(verdict: dict[str, JSON]) -> str:
    categories = members(verdict.get("categories"))
    flagged = sorted(
        {name.replace("/", "_").replace("-", "_") for name, is_so in categories.items() if is_so is True}
    )
    return (
        f"flagged for {', '.join(flagged)}" if flagged else "flagged" if verdict["flagged"] else "not flagged"
    )
