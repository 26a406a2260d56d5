"""Import some libraries of mitmproxy when they are first used: a proxy that relays uses none of them.

mitmproxy imports them when it starts. A module that stands for each of them runs its code when an attribute is read.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from .guarded import Shortcut

# Without signatures: a module that is used in another way than this one expects is imported at once.
LATE_IMPORTS = Shortcut("late imports", "serve: a tenth of the time until the proxy listens", {})

# The modules, and functions that other modules import from them by name.
_LATE: Mapping[str, tuple[str, ...]] = {
    "mitmproxy.command_lexer": ("quote", "unquote"),  # commands of mitmproxy's console
    "pyparsing": (),  # the same, and filters of flows
    "ruamel.yaml": (),  # mitmproxy's configuration file
    "service_identity": (),  # certificates of servers that speak QUIC
}


def import_late() -> None:
    """Let mitmproxy's import of these libraries run none of their code, unless they have been imported already."""
    if LATE_IMPORTS.is_possible():
        for name, functions in _LATE.items():
            _stand_in_with_functions(name, functions)


def _stand_in_with_functions(name: str, functions: tuple[str, ...]) -> None:
    def attribute(module: ModuleType, attribute_name: str) -> Any:
        if attribute_name in functions:
            return lambda *arguments: getattr(executed(module), attribute_name)(*arguments)
        return getattr(executed(module), attribute_name)

    stand_in(name, attribute)


def stand_in(name: str, attribute: Callable[[ModuleType, str], Any]) -> None:
    """Install an empty module that gets each missing attribute from `attribute` on first use (PEP 562)."""
    spec = importlib.util.find_spec(name) if name not in sys.modules else None
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)

    def missing(attribute_name: str) -> Any:
        if attribute_name == "__path__":  # by which imports tell a package
            raise AttributeError(attribute_name)
        return attribute(module, attribute_name)

    vars(module)["__getattr__"] = missing
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)


def executed(module: ModuleType) -> ModuleType:
    """Run the code of a module that stands for itself, once, and return it."""
    if vars(module).pop("__getattr__", None) is not None:
        spec = module.__spec__
        assert spec is not None
        assert spec.loader is not None
        spec.loader.exec_module(module)
    return module
