"""Audio: speech (binary, or as events), transcription and translation (JSON, text, subtitles, or as events)."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from ..events import ServerSentEvent, json_event
from ..exchange import Answer, Chunks
from ..multipart import fields_of, files_of
from .account import Call
from .answers import ApiError, body_answer, json_answer, stream_answer
from .routes import Route
from .sounds import mp3, samples, wav
from .text import count_tokens, tokens

CHUNK_BYTES = 2048
SPEECH_TYPES = {
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
}


def _speak(call: Call) -> Answer:
    format = call.body.get("response_format", "mp3")
    if format not in SPEECH_TYPES:
        supported = ", ".join(f"'{name}'" for name in SPEECH_TYPES)
        raise ApiError(
            400, f"Invalid value: '{format}'. Supported values are: {supported}.", param="response_format"
        )
    chunks = _chunks({"wav": wav, "pcm": samples}.get(format, mp3)(call.body.get("input", "")))
    if call.body.get("stream_format") == "sse":
        return stream_answer(_speech_events(chunks, call.body))
    return body_answer(Chunks(chunks), SPEECH_TYPES[format])


def _chunks(sound: bytes) -> list[bytes]:
    return [sound[start : start + CHUNK_BYTES] for start in range(0, len(sound), CHUNK_BYTES)]


def _speech_events(chunks: list[bytes], body: dict[str, Any]) -> Iterator[ServerSentEvent]:
    for chunk in chunks:
        yield json_event({"type": "speech.audio.delta", "audio": base64.b64encode(chunk).decode()})
    asked = count_tokens(body.get("input"))
    usage = {"input_tokens": asked, "output_tokens": 101, "total_tokens": asked + 101}
    yield json_event({"type": "speech.audio.done", "usage": usage})


def _transcribe(call: Call) -> Answer:
    fields = fields_of(call.request)
    said = _words_in(call)
    if fields.get("stream") == "true":
        return stream_answer(_transcript_events(said, fields))
    return _written(said, fields, "transcribe")


def _translate(call: Call) -> Answer:
    return _written(_words_in(call), fields_of(call.request), "translate")


def _words_in(call: Call) -> str:
    files = files_of(call.request)
    if not files:
        raise ApiError(
            400, "Missing required parameter: 'file'.", param="file", code="missing_required_parameter"
        )
    return f"This is what {len(files[0].content)} bytes of {files[0].filename} say."


def _written(said: str, fields: dict[str, str], task: str) -> Answer:
    match fields.get("response_format", "json"):
        case "text":
            return body_answer(said.encode() + b"\n", "text/plain; charset=utf-8")
        case "srt":
            return body_answer(
                f"1\n00:00:00,000 --> 00:00:02,500\n{said}\n\n\n".encode(), "text/plain; charset=utf-8"
            )
        case "vtt":
            subtitles = f"WEBVTT\n\n00:00:00.000 --> 00:00:02.500\n{said}\n\n"
            return body_answer(subtitles.encode(), "text/plain; charset=utf-8")
        case "verbose_json":
            return json_answer(_verbose(said, task))
    return json_answer({"text": said, "usage": _usage(said, fields)})


def _verbose(said: str, task: str) -> dict[str, Any]:
    segment = {
        "id": 0,
        "seek": 0,
        "start": 0.0,
        "end": 2.5,
        "text": f" {said}",
        "tokens": [50364, 639, 307, 50489],
        "temperature": 0.0,
        "avg_logprob": -0.2860786020755768,
        "compression_ratio": 1.2363636493682861,
        "no_speech_prob": 0.00985979475080967,
    }
    usage = {"type": "duration", "seconds": 3}
    return {
        "task": task,
        "language": "english",
        "duration": 2.5,
        "text": said,
        "segments": [segment],
        "usage": usage,
    }


def _usage(said: str, fields: dict[str, str]) -> dict[str, Any]:
    if fields.get("model", "whisper-1") == "whisper-1":
        return {"type": "duration", "seconds": 3}
    generated = count_tokens(said)
    return {
        "type": "tokens",
        "total_tokens": 14 + generated,
        "input_tokens": 14,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
        "output_tokens": generated,
    }


def _transcript_events(said: str, fields: dict[str, str]) -> Iterator[ServerSentEvent]:
    for token in tokens(said):
        yield json_event({"type": "transcript.text.delta", "delta": token})
    yield json_event({"type": "transcript.text.done", "text": said, "usage": _usage(said, fields)})


ROUTES = (
    Route("POST", "/v1/audio/speech", _speak),
    Route("POST", "/v1/audio/transcriptions", _transcribe),
    Route("POST", "/v1/audio/translations", _translate),
)
