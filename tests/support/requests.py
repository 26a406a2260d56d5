"""The usual requests of the tests: addresses, JSON bodies of chat completions, responses and embeddings, and forms."""

from __future__ import annotations

from typing import Any

API = "https://api.openai.com"
CHAT_PATH = "/v1/chat/completions"
CHAT_URL = API + CHAT_PATH


def chat_body(content: Any, *, model: Any = "gpt-4o", **members: Any) -> dict[str, Any]:
    """Return the body of a chat completion's request: one message of the user (text, or a list of parts)."""
    return {"model": model, "messages": [{"role": "user", "content": content}], **members}


def streamed_chat_body(content: Any, **members: Any) -> dict[str, Any]:
    """Return the body of a request for a streamed chat completion."""
    return chat_body(content, stream=True, **members)


def response_body(content: Any, *, model: Any = "gpt-4o", **members: Any) -> dict[str, Any]:
    """Return the body of a request to the Responses API; `content` is its input, text or a list of items."""
    return {"model": model, "input": content, **members}


def embeddings_body(content: str | list[str], **members: Any) -> dict[str, Any]:
    """Return the body of a request for the embeddings of a text, or of several."""
    return {"model": "text-embedding-3-small", "input": content, **members}


def form_body(boundary: str, *parts: tuple[str, bytes]) -> bytes:
    """Return the body of a form (RFC 7578).

    A part is (header, content); the header is everything that follows `Content-Disposition: form-data; `, further
    lines among it, each after a CRLF.
    """
    delimiter = f"--{boundary}".encode()
    pieces = (
        delimiter + f"\r\nContent-Disposition: form-data; {header}\r\n\r\n".encode() + content + b"\r\n"
        for header, content in parts
    )
    return b"".join(pieces) + delimiter + b"--\r\n"
