"""Import mitmproxy's addons one by one: the package's `__init__` imports all forty, with a web server and LDAP.

Other attributes of the package still import all of it.
"""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType
from typing import Any

from .guarded import Shortcut
from .late_imports import executed, stand_in

# Without signatures: the module that stands for the package runs the package's own code when anything else is read.
ADDON_IMPORTS = Shortcut("imports of addons", "serve: a quarter of the time until the proxy listens", {})

_ADDONS = "mitmproxy.addons"


def import_addons_singly() -> None:
    """Let an import of one of mitmproxy's addons import no other, unless all have been imported already."""
    if ADDON_IMPORTS.is_possible():
        stand_in(_ADDONS, _addon_or_attribute)


def _addon_or_attribute(package: ModuleType, name: str) -> Any:
    if importlib.util.find_spec(f"{_ADDONS}.{name}") is not None:
        return importlib.import_module(f"{_ADDONS}.{name}")
    return getattr(executed(package), name)
