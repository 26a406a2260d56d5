"""Ids and times as the API makes them: new for each object, of the API's length and alphabet."""

from __future__ import annotations

import random
import secrets
import string
import time

LETTERS_AND_DIGITS = string.ascii_letters + string.digits


def random_text(length: int) -> str:
    """Return `length` letters and digits."""
    return "".join(random.choices(LETTERS_AND_DIGITS, k=length))


def new_id(prefix: str, length: int = 24) -> str:
    """Return an id such as `file-9fKq…`; the separator is part of `prefix`."""
    return prefix + random_text(length)


def new_hex_id(prefix: str, length: int = 48) -> str:
    """Return an id such as `resp_68f0…`, as the newer parts of the API make them."""
    return prefix + secrets.token_hex((length + 1) // 2)[:length]


def now() -> int:
    """Return the time in whole seconds, as `created` and `created_at` have it."""
    return int(time.time())
