"""API keys and tokens that are recognisable by their look: sk-…, ghp_…, AKIA…, JWTs, Bearer tokens, signed URLs.

Rule: every expression here is linear. Each consumes the characters that it looks at, so that no character is looked at
again from a later start, and the decision whether they are mixed enough for a key is made in Python on a bounded part.

A text that looks like a key may still be none: a sample JWT, a part number. Only a random text behind a known prefix is
certainly a key. All others are replaced as well, but two of them must not make two requests equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from .credentials import within_base64

# Letters of URL-safe base64, which most keys consist of.
_KEY_LETTER = "[A-Za-z0-9_-]"
_START = "(?<![A-Za-z0-9])"

# A key begins its word, or nearly: this far into a run of its letters it is encrypted or encoded data.
_LONGEST_WORD_BEFORE = 64
_INSIDE_DATA = re.compile(f"{_KEY_LETTER}{{{_LONGEST_WORD_BEFORE}}}")

# This much of a key tells whether it is random.
_JUDGED = 256

_LONG_PART = re.compile(r"[A-Za-z0-9]{12,}")
_CHANGE = re.compile(r"(?<=[a-z])[A-Z]|(?<=[A-Za-z])[0-9]|(?<=[0-9])[A-Za-z]")
_FEWEST_CHANGES = 4
_SHORTEST_MIXED = 16
_SHORTEST_NUMBERED = 32
_FEWEST_DIGITS = 6

# In a random key every second or third letter begins another kind, in names in camel case every fifth.
_LETTERS_PER_CHANGE = 4

# `sk-hynix-hma82gr7cjr8n`: a word stands before.
_BEGINS_WITH_WORD = re.compile(r"[A-Za-z]?[a-z]{2,}[-_]")

# Numbers of random digits that name things of any kind (RFC 9562).
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

# A word with a year or a version: `certificate2024`, `oauth2`. Tokens of RFC 6750 hardly ever consist of such.
_PLAIN_WORDS = re.compile(r"(?:[A-Z]*+[a-z]*+[0-9]{0,4}+(?:[.~+/-]|\Z))++")


def is_mixed(key: str) -> bool:
    """Tell a random key from words and product names such as `hynix-ddr5-16gb` or `learn-pipelines-2024`.

    A key has a part of 12 letters and digits with both in it, or changes often between letters and digits or from a
    small to a capital letter, or is as long as a UUID and full of digits.
    """
    judged = key[:_JUDGED]
    return (
        any(not part.isalpha() and not part.isdigit() for part in _LONG_PART.findall(judged))
        or (len(judged) >= _SHORTEST_MIXED and len(_CHANGE.findall(judged)) >= _FEWEST_CHANGES)
        or (len(judged) >= _SHORTEST_NUMBERED and sum(map(str.isdigit, judged)) >= _FEWEST_DIGITS)
    )


def is_random(key: str) -> bool:
    """Tell whether a text is made of random letters and digits, so that it certainly is a key behind a key's prefix."""
    return len(key) >= _SHORTEST_MIXED and _changes_often(key) and _UUID.fullmatch(key) is None


def _changes_often(key: str) -> bool:
    judged = key[:_JUDGED]
    return len(_CHANGE.findall(judged)) * _LETTERS_PER_CHANGE >= len(judged)


def _is_random_at_once(key: str) -> bool:
    return is_random(key) and _BEGINS_WITH_WORD.match(key) is None


def _has_digit(key: str) -> bool:
    return any(letter.isdigit() for letter in key[:_JUDGED])


def _is_token(key: str) -> bool:
    """Tell a bearer's token from the words that may follow `bearer` in prose."""
    return _has_digit(key) and _PLAIN_WORDS.fullmatch(key[:_JUDGED]) is None and "REDACTED" not in key


def _always(_: str) -> bool:
    return True


def _never(_: str) -> bool:
    return False


class Key(NamedTuple):
    """A part of a text that looks like a key; `is_certain` when it cannot be anything else."""

    start: int
    end: int
    is_certain: bool


@dataclass(frozen=True, slots=True)
class Look:
    """One kind of key.

    `signs` are texts one of which is in every match; `pattern` matches the whole key and has a group `key` for the part
    that `is_key` and `is_certain` judge; a group `secret`, if there is one, is all that is replaced. `may_be_inside`:
    the key may stand anywhere in encoded data.
    """

    signs: tuple[str, ...]
    pattern: re.Pattern[str]
    is_key: Callable[[str], bool]
    is_certain: Callable[[str], bool] = is_random
    may_be_inside: bool = False

    def keys(self, text: str) -> Iterator[Key]:
        """Yield the keys."""
        if any(sign in text for sign in self.signs):
            for match in self.pattern.finditer(text):
                if self.is_key(match["key"]) and (
                    self.may_be_inside or not _is_inside_data(text, match.start())
                ):
                    start, end = match.span("secret" if "secret" in match.re.groupindex else 0)
                    yield Key(start, end, self.is_certain(match["key"]))


def _is_inside_data(text: str, start: int) -> bool:
    return _INSIDE_DATA.match(text, max(0, start - _LONGEST_WORD_BEFORE), start) is not None


def _look(
    signs: str,
    pattern: str,
    is_key: Callable[[str], bool] = is_mixed,
    is_certain: Callable[[str], bool] = is_random,
) -> Look:
    return Look(tuple(signs.split()), re.compile(pattern), is_key, is_certain)


def _in_base64(*texts: str) -> Look:
    """Return the look of keys that begin with one of some texts, within base64."""
    parts = (part.decode() for text in texts for part in within_base64(text.encode()))
    signs = tuple(dict.fromkeys(parts))
    pattern = rf"(?:{'|'.join(signs)})(?P<key>[A-Za-z0-9+/_-]{{12,}}={{0,2}})"
    return Look(signs, re.compile(pattern), _always, _always, may_be_inside=True)


# Long prefixes cannot be anything else and need no boundary before them, if the rest is mixed enough; the shorter ones
# do, for words end like them (task-…, week_…).
_LONG_PREFIX = r"sk-(?:proj|svcacct|admin|ant-[a-z]{2,9}[0-9]{2}|or-v1)-"
_LONG_SIGNS = "sk-proj- sk-svcacct- sk-admin- sk-ant- sk-or-v1-"
LOOKS = (
    _look("sk-", rf"{_START}sk-(?P<key>{_KEY_LETTER}{{12,}})", is_certain=_is_random_at_once),
    _look(_LONG_SIGNS, rf"{_START}{_LONG_PREFIX}(?P<key>{_KEY_LETTER}{{10,}})", _has_digit),
    _look(_LONG_SIGNS, rf"{_LONG_PREFIX}(?P<key>{_KEY_LETTER}{{10,}})"),
    _look(
        "earer EARER",
        rf"{_START}(?:[Bb]earer|BEARER)[ \t]{{1,8}}(?P<key>[A-Za-z0-9._~+/-]{{12,}})={{0,2}}",
        _is_token,
    ),
    _look("ek_", rf"{_START}ek_(?P<key>[A-Za-z0-9_-]{{16,}})"),
    _look("ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_(?P<key>[A-Za-z0-9]{20,})"),
    _look("github_pat_", r"github_pat_(?P<key>[A-Za-z0-9_]{20,})", _always),
    _look("glpat-", rf"glpat-(?P<key>{_KEY_LETTER}{{20,}})"),
    _look("hf_", rf"{_START}hf_(?P<key>[A-Za-z0-9]{{20,}})"),
    _look("gsk_", r"gsk_(?P<key>[A-Za-z0-9]{20,})"),
    _look(
        "whsec_ tvly- lsv2_ pcsk_ r8_",
        rf"(?:whsec_|tvly-|lsv2_|pcsk_|{_START}r8_)(?P<key>[A-Za-z0-9+/_-]{{20,}})={{0,2}}",
    ),
    _look("sess-", rf"{_START}sess-(?P<key>[A-Za-z0-9]{{32,}})"),
    _look("ABSK", rf"{_START}ABSK(?P<key>[A-Za-z0-9+/]{{60,}})={{0,2}}"),
    _in_base64("Bearer sk-", "sk-proj-"),
    _look(
        "@",
        r":/{2}[^\s/?#@:\"'<>]{0,64}:(?P<secret>(?P<key>[^\s/?#@\"'<>]{12,128}))@",
        _changes_often,
        _never,
    ),
    _look(
        "_KEY SECRET TOKEN PASSWORD",
        r"(?:_KEY|SECRET|TOKEN|PASSWORD)[\"']?[ \t]{0,4}[=:][ \t]{0,4}[\"']?"
        r"(?P<secret>(?P<key>[A-Za-z0-9+/_.~-]{16,})={0,2})",
        is_random,
        _never,
    ),
    _look("xox", r"xox[abeoprs]-(?P<key>[A-Za-z0-9-]{20,})"),
    _look("xai-", rf"{_START}xai-(?P<key>[A-Za-z0-9]{{20,}})"),
    _look("pplx-", r"pplx-(?P<key>[A-Za-z0-9]{20,})"),
    _look("nvapi-", rf"nvapi-(?P<key>{_KEY_LETTER}{{20,}})"),
    _look("AKIA ASIA", rf"{_START}(?P<key>(?:AKIA|ASIA)[A-Z0-9]{{16}})(?![A-Za-z0-9])", _always, _always),
    _look("AIza", rf"{_START}(?P<key>AIza{_KEY_LETTER}{{30,}})"),
    _look(
        "eyJ",
        rf"(?<!{_KEY_LETTER})(?P<key>eyJ{_KEY_LETTER}{{8,}}\.eyJ{_KEY_LETTER}{{8,}}\.{_KEY_LETTER}{{16,}})",
        _always,
        _never,
    ),
    _look(
        "sig= Signature= Security-Token=",
        r"[?&;](?:sig|Signature|X-Amz-Signature|X-Amz-Security-Token|X-Goog-Signature)="
        r"(?P<secret>(?P<key>[A-Za-z0-9%+/_.~-]{20,})={0,2})",
        is_certain=_always,
    ),
    _look(
        "KEY-----",
        r"-----BEGIN (?:[A-Z]+ ){0,3}PRIVATE KEY-----(?P<key>[A-Za-z0-9+/=\s]{40,})-----END",
        _always,
        _always,
    ),
)

SIGNS = tuple(dict.fromkeys(sign for look in LOOKS for sign in look.signs))


def keys(text: str) -> Iterator[Key]:
    """Yield the keys in a text, taken as it is; they may overlap."""
    for look in LOOKS:
        yield from look.keys(text)
