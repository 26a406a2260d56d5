"""Compare `stream_options`: may a stream recorded with some options answer a request with others?

Usage comes only in streams that were requested with `include_usage`. Obfuscation comes unless `include_obfuscation` is
false (OpenAI's API reference, chat completions, `stream_options`).
"""

from __future__ import annotations

import json

from ..format.recording import JSON

# Options that the API assumes where a request has none.
_DEFAULTS: dict[str, JSON] = {"include_obfuscation": True}


def suffices(recorded: str, wanted: str) -> bool:
    """Tell whether a stream gives no less than a request wants; both as in `Identity.stream_options`."""
    return _granted(wanted, {}).items() <= _granted(recorded, _DEFAULTS).items()


def _granted(stream_options: str, defaults: dict[str, JSON]) -> dict[str, str]:
    """Return the options that are on, by name, each value as JSON."""
    options: JSON = json.loads(stream_options or "{}")
    if not isinstance(options, dict):
        return {"": stream_options}
    return {name: json.dumps(value) for name, value in (defaults | options).items() if value}
