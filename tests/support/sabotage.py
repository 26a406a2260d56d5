"""A mitmproxy script that breaks a piece of the addon, to see the effect of a bug there.

    SABOTAGE=openai_replay.replay.replayer:Replayer.answer mitmdump -s addon/replay.py -s tests/support/sabotage.py

From then on that function raises. Several are separated by commas.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any


def _raise(*_: Any, **__: Any) -> Any:
    raise RuntimeError("sabotaged")


def _break(owner: Any, name: str) -> None:
    """Replace a function where it is defined, and in each module of the package that imported it by name."""
    working = getattr(owner, name)  # a name that is gone would make the test pass for nothing
    setattr(owner, name, _raise)
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith("openai_replay") and getattr(module, name, None) is working:
            setattr(module, name, _raise)


for _target in os.environ["SABOTAGE"].split(","):
    _module_name, _, _path = _target.partition(":")
    _owner: Any = importlib.import_module(_module_name)
    *_parents, _name = _path.split(".")
    for _parent in _parents:
        _owner = getattr(_owner, _parent)
    _break(_owner, _name)
