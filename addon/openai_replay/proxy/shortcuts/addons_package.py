"""Import mitmproxy's addons one by one: the package's `__init__` imports all forty, with a web server and LDAP.

That is 0.2 of 0.7 seconds until the proxy listens. Whoever asks the package for more than a module gets all of it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

from .guarded import are_refused

_NAME = "mitmproxy.addons"


def import_addons_singly() -> None:
    """Stand in for the package `mitmproxy.addons`, unless it has been imported already."""
    if _NAME in sys.modules or are_refused():
        return
    spec = importlib.util.find_spec(_NAME)
    if spec is None or spec.submodule_search_locations is None or spec.loader is None:
        return
    package = importlib.util.module_from_spec(spec)
    setattr(package, "__getattr__", _Attributes(package))  # noqa: B010  # of a module, PEP 562
    sys.modules[_NAME] = package


class _Attributes:
    """Gives the attributes that the package does not have yet."""

    def __init__(self, package: ModuleType) -> None:
        self._package = package

    def __call__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if importlib.util.find_spec(f"{_NAME}.{name}") is not None:
            return importlib.import_module(f"{_NAME}.{name}")
        return self._attribute_of_whole_package(name)

    def _attribute_of_whole_package(self, name: str) -> Any:
        """Run the package's own `__init__`, once, and return its attribute."""
        spec = self._package.__spec__
        assert spec is not None
        assert spec.loader is not None
        vars(self._package).pop("__getattr__", None)
        spec.loader.exec_module(self._package)
        return getattr(self._package, name)
