"""Look into a recording, and dump an object as the reference does."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from openai._models import construct_type

from openai_replay.format.recording import decode
from openai_replay.record.exchange import Recorded

# Nothing else in a test looks like it.
KEY = "sk-proj-aB3dEfGh1jKlMnOpQrStUvWxYz0123456789"


def dumped_by_package(class_name: str, wire: Any) -> Any:
    """Return an object as its class in the `openai` package dumps it."""
    module, _, name = class_name.rpartition(".")
    model: Any = construct_type(value=wire, type_=getattr(importlib.import_module(module), name))
    return model.model_dump(mode="json")


def body_of(recorded: Recorded, companion_name: str = "") -> Any:
    """Return the body of the response in the file of a recording."""
    file = b"".join(recorded.pieces({"body": companion_name} if companion_name else {}))
    return decode(file, Path("recorded.json")).response.body
