"""Replace an internal of mitmproxy only where its functions have the expected signatures, and put it back later."""

from __future__ import annotations

import importlib
import inspect
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter

log = logging.getLogger(__name__)

# Set to `refused`, mitmproxy stays as it came.
ENVIRONMENT_NAME = "OPENAI_REPLAY_SHORTCUTS"

type Undo = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A replaced internal of mitmproxy.

    Attributes:
        name: its name in the log.
        gain: its measured effect.
        expects: the signature, without annotations, of each function that it replaces or relies on, by
            `module:name` or `module:class.name`.
        is_needed: it is no matter of speed, and applied where all shortcuts are refused, too.
    """

    name: str
    gain: str
    expects: Mapping[str, str]
    is_needed: bool = False

    def is_possible(self) -> bool:
        """Tell whether mitmproxy is as expected; a debug line says where it is not."""
        difference = next(self._differences(), None)
        if difference is not None:
            log.debug("mitmproxy is left as it is, without the shortcut %s: %s", self.name, difference)
        return difference is None

    def _differences(self) -> Iterator[str]:
        if are_refused() and not self.is_needed:
            yield f"{ENVIRONMENT_NAME}=refused"
        for function, expected in self.expects.items():
            found = _signature(function)
            if found != expected:
                yield f"expected {function}{expected}, found {found or 'nothing'}"


def are_refused() -> bool:
    """Tell whether the environment refuses all shortcuts."""
    return os.environ.get(ENVIRONMENT_NAME) == "refused"


def apply(shortcuts: Iterable[tuple[Shortcut, Callable[[], Undo]]]) -> list[Undo]:
    """Apply the shortcuts whose signatures match; return their undo functions, in reverse order."""
    undo = [replace() for shortcut, replace in shortcuts if shortcut.is_possible()]
    return undo[::-1]


def _signature(function: str) -> str:
    """Return a function's signature without annotations, "" when there is no such function."""
    module, _, name = function.partition(":")
    try:
        found = inspect.signature(attrgetter(name)(importlib.import_module(module)))
    except (ImportError, AttributeError, TypeError, ValueError):
        return ""
    plain = [parameter.replace(annotation=parameter.empty) for parameter in found.parameters.values()]
    return str(inspect.Signature(plain))
