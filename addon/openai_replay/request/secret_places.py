"""Secrets that are recognisable by their place: api_key members, tool headers, ?sig= parameters, client_secret.

In a request, string members outside messages and JSON schemas count; in an answer, only the few members that the API
itself fills with keys. All else is told by its look alone (`secret_looks`), because a prompt may speak of passwords.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from urllib.parse import unquote

from ..format.recording import JSON
from .body import DEEPEST, is_deeper
from .secret_looks import is_mixed

REDACTED = "REDACTED"

# Names are compared in lower case and without - and _.
_MEMBERS = frozenset(("authorization", "apikey", "clientsecret", "password", "accesstoken", "secret"))
_PARAMETERS = frozenset(
    (
        *("apikey", "key", "code", "sig", "accesstoken", "clientsecret", "password"),
        *("subscriptionkey", "signature", "xamzsignature", "xamzsecuritytoken", "xgoogsignature"),
    )
)

# Other names that end so hold a secret where the value looks random: `page_token` and `sort_key` are none.
_LIKELY = re.compile(
    r".*(?:api|secret|access|private|shared|ephemeral|signing|client|virtual|account|auth|storage|encryption)key"
    r"|(?:.*(?:api|auth|access|refresh|id|session|bearer|authorization|security|secret|identity|personal))?token"
    r"|.*(?:secret|password|passwd|passphrase|authorization|credentials?|connectionstring|cookie|bearer)"
    r"|auth|jwt|pwd"
)

# `key` and its like are a secret beside a type of authentication (Azure's data sources), and a name in a filter.
_BESIDE_AUTHENTICATION = frozenset(("key", "encodedapikey", "connectionstring", "token", "value"))
_WITHIN_AUTHENTICATION = ("authentication", "auth", "credentials")

# Such a type ends in one of these words, and is no other word that merely contains it (`author`, `password_reset`).
# Beside `basic`, `key` and `token` alone a `value` may be anything.
_AUTHENTICATION = re.compile(
    r"(?i:(?:.*[-_ .])?(?:key|token|bearer|basic|auth|oauth2?|authentication|password|connection[-_ ]?string))"
    r"|.*(?:Key|Token|Auth|Password|ConnectionString)|(?i:apikey|key[-_]?and[-_]?key[-_]?id)"
)
_SECRET_VALUE = frozenset(("value",))
_OF_ANY_VALUE = frozenset(("basic", "key", "token"))

# Conversations, filters and tool calls: people and models write these.
_WRITTEN = frozenset(
    (
        *(
            "messages",
            "input",
            "items",
            "prompt",
            "instructions",
            "system",
            "content",
            "contents",
            "documents",
        ),
        *("query", "filters", "filter", "arguments", "output", "examples", "systeminstruction"),
    )
)
_SCHEMAS = frozenset(("schema", "inputschema", "jsonschema", "parametersjsonschema", "properties"))
_KEYS_OF_SCHEMAS = frozenset(
    ("properties", "$ref", "$defs", "anyOf", "oneOf", "allOf", "additionalProperties")
)

# Without one of these in it, an answer has no key that the API made.
SIGNS_IN_ANSWERS = ("client_secret", "clientSecret", "client-secret", "api_key", "expires_at")

# JSON may hold JSON as text, and that JSON again. All these texts together must not need more calls than Python allows,
# so each is searched only so many levels deep.
_MOST_TEXTS_IN_TEXTS = 4
_DEEPEST_IN_TEXT = 50


@lru_cache(maxsize=4096)
def _squeezed(name: str) -> str:
    return name.replace("-", "").replace("_", "").lower()


def _is_secret(kind: str, value: JSON) -> bool:
    """Tell whether the value of a squeezed name is a secret, though the name by itself does not say so."""
    return isinstance(value, str) and _is_likely(kind) and is_mixed(value)


@lru_cache(maxsize=4096)
def _is_likely(kind: str) -> bool:
    return _LIKELY.fullmatch(kind) is not None


# --- URLs ---------------------------------------------------------------------------------------------------------

_USER_INFORMATION = re.compile(r"(?P<before>[A-Za-z][A-Za-z0-9+.-]{0,20}:/{2})(?P<user>[^/?#@\s]+)@")
_PARAMETER = re.compile(r"(?P<before>(?:^|[?&;#])(?P<name>[^=&;?#\s]*)=)(?P<value>[^&;#\s]+)")
_FORM = re.compile(r"[^=&\s]+=[^&\s]*(?:&[^=&\s]++=[^&\s]*+)*+")


@dataclass(slots=True)
class Hiding:
    """Replaces secrets by REDACTED, and keeps them in `found`: the other side may quote them."""

    found: list[str] = field(default_factory=list)

    def secret(self, text: str) -> str:
        """Take note of a secret, and return its replacement."""
        if text and text != REDACTED:
            self.found.append(text)
            text = REDACTED
        return text

    def url(self, url: str) -> str:
        """Hide user information, and parameters that are secrets, in a URL or in a query alone."""
        return _PARAMETER.sub(self._parameter, _USER_INFORMATION.sub(self._user, url))

    def _user(self, match: re.Match[str]) -> str:
        for part in (match["user"], *match["user"].split(":", 1)):
            self.secret(unquote(part))
        return f"{match['before']}{REDACTED}@"

    def _parameter(self, match: re.Match[str]) -> str:
        name = unquote(match["name"]).rpartition("#")[2]  # behind a fragment's sign, which may be encoded
        kind = _squeezed(name)
        if kind not in _PARAMETERS and not _is_secret(kind, unquote(match["value"])):
            return match[0]
        self.secret(unquote(match["value"]))
        return match["before"] + self.secret(match["value"])

    # --- JSON of requests ---

    def request(self, value: JSON, parent: str = "", depth: int = 0) -> JSON:
        """Hide the secrets of a request's body; `parent` is the squeezed name of the member that it is in."""
        if isinstance(value, str):
            return self._string_of_request(value, depth)
        if isinstance(value, list):
            return [self.request(item, parent, depth) for item in value]
        if isinstance(value, dict):
            return self._object_of_request(value, parent, depth)
        return value

    def _object_of_request(self, value: dict[str, JSON], parent: str, depth: int) -> dict[str, JSON]:
        secret_members = _beside_authentication(value, parent)
        is_secret_field = _is_secret_field(value)
        hidden: dict[str, JSON] = {}
        for name, item in value.items():
            kind = _squeezed(name)
            if (
                kind in _MEMBERS
                or (kind == "headers" and not _is_row(item))
                or kind in secret_members
                or (is_secret_field and kind == "value")
                or (_is_secret(kind, item) and kind not in _WRITTEN)
            ):
                hidden[name] = self._all_strings(item)
            elif (kind in _WRITTEN and not isinstance(item, str)) or _is_schema(kind, item):
                hidden[name] = item
            else:
                hidden[name] = self.request(item, kind, depth)
        return hidden

    def _all_strings(self, value: JSON) -> JSON:
        """Hide every string of a value, but a `type`: headers, or an object in the place of a key."""
        if isinstance(value, str):
            if " " in value:
                self.secret(value.rpartition(" ")[2])  # Bearer …
            return self.secret(value)
        if isinstance(value, list):
            return [self._all_strings(item) for item in value]
        if isinstance(value, dict):
            return {name: item if name == "type" else self._all_strings(item) for name, item in value.items()}
        return value

    def _string_of_request(self, value: str, depth: int) -> str:
        if value.startswith(("{", "[")) and depth < _MOST_TEXTS_IN_TEXTS:
            return self.text(value, depth + 1)
        return self.url(value) if "://" in value and not any(map(str.isspace, value)) else value

    # --- JSON of answers ---

    def answer(self, value: JSON) -> JSON:
        """Hide the keys that the API made for the client."""
        if isinstance(value, list):
            return [self.answer(item) for item in value]
        if not isinstance(value, dict):
            return value
        is_key = _is_new_key(value)
        return {
            name: self._member_of_answer(_squeezed(name), item, is_key=is_key) for name, item in value.items()
        }

    def _member_of_answer(self, name: str, value: JSON, *, is_key: bool) -> JSON:
        if name == "clientsecret" and isinstance(value, dict):
            return {
                name: self.secret(item) if name == "value" and isinstance(item, str) else item
                for name, item in value.items()
            }
        if isinstance(value, str):
            return self.secret(value) if name == "clientsecret" or (is_key and name == "value") else value
        return value if name in _WRITTEN or _is_schema(name, value) else self.answer(value)

    # --- text ---

    def text(self, text: str, depth: int = 0) -> str:
        """Hide the secrets of a request's text: JSON, lines of JSON, or a form; its layout stays as it is."""
        within = Hiding()
        is_json = False
        for value in _values_of(text, DEEPEST if depth == 0 else _DEEPEST_IN_TEXT):
            is_json = True
            within.request(value, depth=depth)
        if is_json:
            return self._replaced(text, within.found)
        return self.url(text) if _is_form(text) else _PAIR.sub(self._pair, text)

    def _pair(self, match: re.Match[str]) -> str:
        """Hide a member of JSON that cannot be read, such as a piece of it."""
        name, value = _squeezed(match["name"]), match["value"]
        if name not in _MEMBERS and not _is_secret(name, value):
            return match[0]
        return match["before"] + self.secret(value)

    def text_of_answer(self, text: str) -> str:
        """Hide the keys that the API made in an answer's text: JSON, lines of JSON, or lines of events."""
        within = Hiding()
        if any(sign in text for sign in SIGNS_IN_ANSWERS):
            for value in _values_of(text, DEEPEST):
                within.answer(value)
        return self._replaced(text, within.found)

    def _replaced(self, text: str, found: Iterable[str]) -> str:
        """Replace the JSON strings of a text that are secrets."""
        secrets = frozenset(found)
        self.found += secrets
        return _JSON_STRING.sub(lambda match: _in_place(match[0], secrets), text) if secrets else text


# An unfinished string extends to the end: a later quote is inside it, and no start of another one.
_JSON_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)


_PAIR = re.compile(r'(?P<before>"(?P<name>[^"\\\n]{1,64})"\s{0,8}:\s{0,8}")(?P<value>[^"\\\n]++)')


def _in_place(spelt: str, secrets: frozenset[str]) -> str:
    try:
        is_secret = json.loads(spelt, strict=False) in secrets
    except ValueError:
        is_secret = False
    return f'"{REDACTED}"' if is_secret else spelt


def _is_row(value: JSON) -> bool:
    """Tell whether `headers` are those of a table: texts, and no names with values."""
    return isinstance(value, list) and all(isinstance(item, str) and ":" not in item for item in value)


# Clients write `tools[0][headers][x]` for a member of a member.
_STEPS = re.compile(r"[\[\].]+")


def _is_secret_field(field: dict[str, JSON]) -> bool:
    """Tell whether the value of a form's field is a secret by the field's name."""
    if not isinstance(name := field.get("name"), str):
        return False
    *parents, last = (_squeezed(step) for step in _STEPS.split(name.rstrip("]")))
    return last in _MEMBERS or "headers" in parents or _is_secret(last, field.get("value"))


def _beside_authentication(value: dict[str, JSON], parent: str) -> frozenset[str]:
    """Return the names of an object's members that are secrets because it is an authentication."""
    if parent in _WITHIN_AUTHENTICATION:
        return _BESIDE_AUTHENTICATION
    if parent.endswith("secrets"):
        return _SECRET_VALUE
    kind = value.get("type")
    if not isinstance(kind, str) or not _AUTHENTICATION.fullmatch(kind):
        return frozenset()
    return _BESIDE_AUTHENTICATION - {"value"} if kind.lower() in _OF_ANY_VALUE else _BESIDE_AUTHENTICATION


def _is_schema(name: str, value: JSON) -> bool:
    if name in _SCHEMAS:
        return True
    return name == "parameters" and isinstance(value, dict) and bool(value.keys() & _KEYS_OF_SCHEMAS)


def _is_new_key(value: dict[str, JSON]) -> bool:
    """Tell whether an object of an answer is a key: of the admin API, or an ephemeral one of the Realtime API."""
    kind = value.get("object")
    if isinstance(kind, str) and kind.endswith("api_key"):
        return True
    return "value" in value and "expires_at" in value and "session" in value


def _is_form(text: str) -> bool:
    return "=" in text and not text.startswith(("{", "[")) and _FORM.fullmatch(text) is not None


def _values_of(text: str, deepest: int) -> Iterator[JSON]:
    """Yield the JSON values that a text consists of: it as a whole, or its lines, of events as well.

    A value of more than `deepest` levels is none.
    """
    whole = _maybe_json(text)
    lines = text.splitlines() if whole is None else ()
    for value in chain((whole,), (_maybe_json(line.removeprefix("data:")) for line in lines)):
        if value is not None and not is_deeper(value, deepest):
            yield value


def _maybe_json(text: str) -> JSON:
    text = text.strip()
    if not text.startswith(("{", "[")):
        return None
    try:
        value: JSON = json.loads(text, object_pairs_hook=_all_members)
    except (ValueError, RecursionError):
        return None
    return value


def _all_members(pairs: list[tuple[str, JSON]]) -> JSON:
    """Keep each of several members of one name: each may be a secret."""
    members = dict(pairs)
    return members if len(members) == len(pairs) else [{name: value} for name, value in pairs]
