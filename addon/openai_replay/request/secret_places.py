"""Secrets that are recognisable by their place: api_key members, tool headers, ?sig= parameters, client_secret.

In a request, string members outside messages and JSON schemas count; in an answer, only the few members that the API
itself fills with keys. All else is told by its look alone (`secret_looks`), because a prompt may speak of passwords.

Some places hold secrets and ordinary texts: `?key=` in the URL of an image, a header of a tool, `"password"` in JSON
that is a prompt. Such a text is replaced by a stand-in with digits of its hash, so that two requests that differ there
stay two requests.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from urllib.parse import unquote

from ..format.recording import JSON
from .body import DEEPEST, is_deeper
from .credentials import SCHEMES, may_hold_secrets
from .secret_looks import is_mixed

REDACTED = "REDACTED"

# What `stand_in` returns.
STAND_IN = re.compile(rf"{REDACTED}-[0-9a-f]{{4}}")
_REPLACED = re.compile(rf"{REDACTED}|{STAND_IN.pattern}")

# Names are compared in lower case and without - and _.
_MEMBERS = frozenset(("authorization", "apikey", "clientsecret", "password", "accesstoken", "secret"))
_PARAMETERS = frozenset(
    (
        *("apikey", "key", "code", "sig", "accesstoken", "clientsecret", "password"),
        *("subscriptionkey", "signature", "xamzsignature", "xamzsecuritytoken", "xgoogsignature"),
    )
)

# Of these, the parameters that name ordinary things as well in the URLs that a body holds, and the member whose URL is
# a server that the API logs in to.
_AMBIGUOUS_PARAMETERS = frozenset(("key", "code"))
_SERVERS = ("serverurl",)

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


def stand_in(text: str) -> str:
    """Return the replacement of a text that may count for a request's identity."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{REDACTED}-{digest[:4]}"


def _unchanged(text: str) -> str:
    return text


@dataclass(slots=True)
class Hiding:
    """Replaces secrets by REDACTED, and keeps them in `found`: the other side may quote them.

    `redact` takes keys and the request's credentials out of a text; a text that may be no secret is replaced by its
    result, or else by a stand-in. `is_written`: people and models write the text, so all of its secrets may be none.
    `apart` holds the texts with stand-ins.
    """

    redact: Callable[[str], str] = _unchanged
    is_written: bool = False
    found: list[str] = field(default_factory=list)
    apart: dict[str, str] = field(default_factory=dict)

    def secret(self, text: str) -> str:
        """Take note of a secret, and return its replacement."""
        if text and _REPLACED.fullmatch(text) is None:
            self.found.append(text)
            text = self._kept_apart(text) if self.is_written else REDACTED
        return text

    def _ambiguous(self, text: str) -> str:
        """Return the replacement of a text that is a secret only if it looks like one."""
        if is_mixed(text):
            return self.secret(text)
        return self._kept_apart(text) if text and _REPLACED.fullmatch(text) is None else text

    def _kept_apart(self, text: str) -> str:
        if text not in self.apart:
            redacted = self.redact(text)
            self.apart[text] = stand_in(text) if redacted == text else redacted
        return self.apart[text]

    def _within(self, *, is_written: bool) -> Hiding:
        """Return a value for a part of the same body."""
        return Hiding(self.redact, is_written, self.found, self.apart)

    def url(self, url: str, *, is_of_body: bool = False) -> str:
        """Hide user information, and parameters that are secrets, in a URL or in a query alone."""
        parameter = self._parameter_of_body if is_of_body else self._parameter
        return _PARAMETER.sub(parameter, _USER_INFORMATION.sub(self._user, url))

    def _user(self, match: re.Match[str]) -> str:
        for part in match["user"].split(":", 1):
            self.secret(unquote(part))
        return f"{match['before']}{self.secret(unquote(match['user']))}@"

    def _parameter_of_body(self, match: re.Match[str]) -> str:
        if _kind_of_parameter(match) in _AMBIGUOUS_PARAMETERS:
            return match["before"] + self._ambiguous(unquote(match["value"]))
        return self._parameter(match)

    def _parameter(self, match: re.Match[str]) -> str:
        kind = _kind_of_parameter(match)
        if kind not in _PARAMETERS and not _is_secret(kind, unquote(match["value"])):
            return match[0]
        self.secret(match["value"])
        return match["before"] + self.secret(unquote(match["value"]))

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
            if kind == "headers" and isinstance(item, dict):
                hidden[name] = self._headers(item)
            elif (
                kind in _MEMBERS
                or (kind == "headers" and not _is_row(item))
                or kind in secret_members
                or (is_secret_field and kind == "value")
                or (_is_secret(kind, item) and kind not in _WRITTEN)
            ):
                hidden[name] = self._all_strings(item)
            elif (kind in _WRITTEN and not isinstance(item, str)) or _is_schema(kind, item):
                hidden[name] = item
            elif kind in _SERVERS and isinstance(item, str):
                hidden[name] = self.url(item)
            elif kind in _WRITTEN or (kind == "value" and _is_written_field(value)):
                hidden[name] = self._within(is_written=True).request(item, kind, depth)
            else:
                hidden[name] = self.request(item, kind, depth)
        return hidden

    def _headers(self, headers: dict[str, JSON]) -> JSON:
        """Hide the values of a tool's headers; one that is no credential counts for the request's identity."""
        return {name: self._header(name, value) for name, value in headers.items()}

    def _header(self, name: str, value: JSON) -> JSON:
        if not isinstance(value, str) or may_hold_secrets(name.lower()) or value.startswith(SCHEMES):
            return self._all_strings(value)
        self.secret(value)  # an answer may quote it
        return self._ambiguous(value)

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
        is_url = "://" in value and not any(map(str.isspace, value))
        return self.url(value, is_of_body=True) if is_url else value

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
        within = Hiding(self.redact, self.is_written)
        is_json = False
        for value in _values_of(text, DEEPEST if depth == 0 else _DEEPEST_IN_TEXT):
            is_json = True
            within.request(value, depth=depth)
        if is_json:
            return self._replaced(text, within)
        return self.url(text, is_of_body=True) if _is_form(text) else _PAIR.sub(self._pair, text)

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
        return self._replaced(text, within)

    def _replaced(self, text: str, within: Hiding) -> str:
        """Replace the JSON strings of a text that are secrets."""
        self.found += within.found
        replacements = {**dict.fromkeys(within.found, REDACTED), **within.apart}
        self.apart |= within.apart
        if not replacements:
            return text
        return _JSON_STRING.sub(lambda match: _in_place(match[0], replacements), text)


# An unfinished string extends to the end: a later quote is inside it, and no start of another one.
_JSON_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)


_PAIR = re.compile(r'(?P<before>"(?P<name>[^"\\\n]{1,64})"\s{0,8}:\s{0,8}")(?P<value>[^"\\\n]++)')


def _kind_of_parameter(match: re.Match[str]) -> str:
    """Return the squeezed name of a parameter, which may stand behind the sign of a fragment, encoded or not."""
    return _squeezed(unquote(match["name"]).rpartition("#")[2])


def _in_place(spelt: str, replacements: Mapping[str, str]) -> str:
    try:
        replacement = replacements.get(json.loads(spelt, strict=False))
    except ValueError:
        replacement = None
    return spelt if replacement is None else json.dumps(replacement)


def _is_row(value: JSON) -> bool:
    """Tell whether `headers` are those of a table: texts, and no names with values."""
    return isinstance(value, list) and all(isinstance(item, str) and ":" not in item for item in value)


# Clients write `tools[0][headers][x]` for a member of a member.
_STEPS = re.compile(r"[\[\].]+")


def _is_secret_field(field: dict[str, JSON]) -> bool:
    """Tell whether the value of a form's field is a secret by the field's name."""
    *parents, last = _steps_of_field(field)
    return last in _MEMBERS or "headers" in parents or _is_secret(last, field.get("value"))


def _is_written_field(field: dict[str, JSON]) -> bool:
    """Tell whether people write the value of a form's field, by the field's name."""
    return _steps_of_field(field)[-1] in _WRITTEN


def _steps_of_field(field: dict[str, JSON]) -> list[str]:
    """Return the squeezed names of a form's field and of the objects that it is in, itself last; [""] for no field."""
    name = field.get("name")
    return [_squeezed(step) for step in _STEPS.split(name.rstrip("]"))] if isinstance(name, str) else [""]


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
