"""Texts that each recording of a request holds letter by letter: to find its file among many without parsing them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..format.recording import JSON
from .escapes import UNESCAPED
from .identity import ApiRequest, is_list
from .multipart import MULTIPART
from .normal_form import normal_body

_PLAIN = re.compile(rf"[{UNESCAPED}]+")

# A request of more texts is known by its longest ones, and a longer text by its beginning.
_MOST_TEXTS = 16
_LONGEST_TEXT = 500


def literals(api_request: ApiRequest) -> tuple[bytes, ...]:
    r"""Return texts that each recording of the request holds, unless it has `\u` escapes; () where none are certain.

    Ignored values may differ in a recording, and so may the spelling of a form's fields and of a list's arguments.
    """
    body = normal_body(api_request.body)
    is_form = isinstance(body, dict) and MULTIPART in body
    if api_request.rules.ignore or is_form or is_list(api_request.method, api_request.endpoint()):
        return ()
    texts = sorted(set(_plain_texts(body)), key=lambda text: (-len(text), text))
    return tuple(text[:_LONGEST_TEXT].encode() for text in texts[:_MOST_TEXTS])


def _plain_texts(value: JSON) -> Iterator[str]:
    """Yield the longest plain part of each text in a value."""
    if isinstance(value, str):
        yield from sorted(_PLAIN.findall(value), key=len)[-1:]
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _plain_texts(item)
