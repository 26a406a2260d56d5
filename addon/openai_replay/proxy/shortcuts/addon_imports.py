"""Import mitmproxy's addons one by one: the package's `__init__` imports all forty, with a web server and LDAP.

Other attributes of the package still import all of it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .guarded import Shortcut

# Without signatures: the module that stands for the package runs the package's own code when anything else is read.
ADDON_IMPORTS = Shortcut("imports of addons", "serve: a quarter of the time until the proxy listens", {})

_ADDONS = "mitmproxy.addons"


def import_addons_singly() -> None:
    """Let an import of one of mitmproxy's addons import no other, unless all have been imported already."""
    if ADDON_IMPORTS.is_possible():
        _stand_in(_ADDONS, _addon_or_attribute)


def _stand_in(name: str, attribute: Callable[[ModuleType, str], Any]) -> None:
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


def _addon_or_attribute(package: ModuleType, name: str) -> Any:
    if importlib.util.find_spec(f"{_ADDONS}.{name}") is not None:
        return importlib.import_module(f"{_ADDONS}.{name}")
    return _attribute_once_executed(package, name)


def _attribute_once_executed(module: ModuleType, name: str) -> Any:
    """Run a module's own code, once, and return its attribute."""
    spec = module.__spec__
    assert spec is not None
    assert spec.loader is not None
    vars(module).pop("__getattr__", None)
    spec.loader.exec_module(module)
    return getattr(module, name)
