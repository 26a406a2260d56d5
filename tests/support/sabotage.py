"""A mitmproxy script that breaks a piece of the addon, to see what a bug there would do.

    SABOTAGE=openai_replay.replay.replayer:Replayer.answer mitmdump -s addon/replay.py -s tests/support/sabotage.py

From then on that function raises. Several are separated by commas.
"""

from __future__ import annotations

import importlib
import os
from typing import Any


def _raise(*_: Any, **__: Any) -> Any:
    raise RuntimeError("sabotaged")


for _target in os.environ["SABOTAGE"].split(","):
    _module_name, _, _path = _target.partition(":")
    _owner: Any = importlib.import_module(_module_name)
    *_parents, _name = _path.split(".")
    for _parent in _parents:
        _owner = getattr(_owner, _parent)
    getattr(_owner, _name)  # a name that is gone would make the test pass for nothing
    setattr(_owner, _name, _raise)
