"""Tell from the bytes of a file, without parsing it, whether it may be a cassette.

A project's folder has many other files in YAML and JSON, large ones and with syntax of their tools among them.
"""

from __future__ import annotations

import re

# Members that the files of each format have.
_OF_FORMATS = (
    ("(?:http_)?interactions",),
    ("requests?", "responses?"),
    ("responses", "response"),
    ("log", "entries"),
    ("scope", "status"),
    ("when", "then"),
)

# UTF-16, in which the patterns below are not found.
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")

_START_BYTES = 1024


def _member(name: str) -> re.Pattern[bytes]:
    """Match a member of a mapping in YAML or JSON."""
    return re.compile(rf"""(?:^|[\s{{,'"])(?:{name})['"]?\s*:""".encode(), re.IGNORECASE)


_MEMBERS = tuple(tuple(map(_member, names)) for names in _OF_FORMATS)


def may_be_cassette(raw: bytes) -> bool:
    """Tell whether a text has the members of one of the formats, however damaged it is."""
    if raw.startswith(_UTF_16):
        return True
    if b"\0" in raw[:_START_BYTES]:
        return False
    return any(all(member.search(raw) for member in members) for members in _MEMBERS)
