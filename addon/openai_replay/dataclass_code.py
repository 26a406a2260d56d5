"""Keep the compiled methods of dataclasses beside the package's .pyc files: compiling them is a fifth of a start.

`dataclasses` writes the source of `__init__`, `__eq__` and the like for each class, and compiles it in each process.
Here the code is kept by its source, as Python keeps compiled modules: in `__pycache__`, for one version of Python, and
only where Python keeps .pyc files. The classes are the same. Python has no interface for this: a function `exec` in the
module `dataclasses` takes the place of the built-in one, and a Python whose `dataclasses` does not call it only starts
slower.
"""

from __future__ import annotations

import dataclasses
import marshal
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import MAGIC_NUMBER, cache_from_source
from types import CodeType

# By source.
type Codes = dict[str, CodeType]


@contextmanager
def kept_dataclass_code(name: str) -> Iterator[None]:
    """Use the kept code for dataclasses that are made in the block, and keep the code of new ones at its end.

    Args:
        name: the name of the file. Each program that imports other modules has its own.
    """
    beside = os.path.join(os.path.dirname(__file__), f"{name}-dataclasses.py")
    path = f"{cache_from_source(beside).removesuffix('pyc')}marshal"
    kept = _read(path)
    used: Codes = {}

    def execute(source: str, *namespaces: dict[str, object]) -> None:
        code = kept.get(source)
        if code is None:
            # Without the `from __future__` of this module, which would make texts of annotations.
            code = compile(source, "<string>", "exec", dont_inherit=True)
        used[source] = code
        exec(code, *namespaces)

    setattr(dataclasses, "exec", execute)  # noqa: B010  # mypy knows no such attribute
    try:
        yield
    finally:
        delattr(dataclasses, "exec")
    if not used.keys() <= kept.keys() and not sys.dont_write_bytecode:
        _write(path, used)


def _read(path: str) -> Codes:
    """Return the kept code, none if there is none of this version of Python."""
    try:
        with open(path, "rb") as file:
            content = file.read()
        return marshal.loads(content[len(MAGIC_NUMBER) :]) if content.startswith(MAGIC_NUMBER) else {}
    except (OSError, EOFError, ValueError, TypeError):
        return {}


def _write(path: str, codes: Codes) -> None:
    beside = f"{path}.{os.getpid()}"
    with suppress(OSError):  # without the file, the next start is as slow as this one
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(beside, "wb") as file:
            file.write(MAGIC_NUMBER + marshal.dumps(codes))
        os.replace(beside, path)
