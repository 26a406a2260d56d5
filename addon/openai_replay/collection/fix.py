"""Mends the mechanical findings of a check: names, gaps in series, old formats, outdated members, line ends, headers.

Nothing is overwritten: where a file of the new name exists, the recording gets the next free number of its series.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..format.recording import JSON, dump_json, load_json
from ..request.rules import Rules
from ..store import names
from ..store.files import read_file
from ..store.index import Index
from ..store.store import Store
from .check import FIXABLE, Finding, Kind


def fix(directory: Path, findings: Iterable[Finding], rules: Rules) -> Iterator[str]:
    """Mend the findings that can be mended, and yield a line for each.

    A file is renamed once: its new name may have findings that another check tells.

    Raises:
        OSError: a file cannot be written.
    """
    fixable = sorted((one for one in findings if one.kind in FIXABLE), key=_order)
    renamed: set[str] = set()
    for finding in fixable:
        if finding.path in renamed:
            continue
        match finding.kind:
            case Kind.UNFINISHED:
                (directory / finding.path).unlink(missing_ok=True)
                yield f"removed {finding.path}"
            case Kind.HEADERS | Kind.OLD_FORMAT | Kind.OUTDATED | Kind.LINE_ENDS:
                _rewrite(directory / finding.path)
                yield f"rewrote {finding.path}"
            case _:
                renamed.add(finding.path)
                yield _renamed(directory, finding, rules)


def _order(finding: Finding) -> tuple[bool, str, int]:
    """Content first, while the names still hold; then names, the lower numbers of a series first."""
    base, number = names.split_number(finding.path)
    return finding.kind in (Kind.NAME, Kind.GAP), base, number


def _renamed(directory: Path, finding: Finding, rules: Rules) -> str:
    path = directory / finding.path
    target = _free(path.with_name(finding.target))
    Store(path.parent, rules, Index(path.parent, rules, None)).move(path, target)
    return f"renamed {finding.path} to {os.path.join(os.path.dirname(finding.path), target.name)}"


def _free(target: Path) -> Path:
    """Return a name that no file has: the given one, or a higher number of its series."""
    base, number = names.split_number(target.name)
    while target.exists():
        number += 1
        target = target.with_name(names.file_name(names.numbered_stem(base, number)))
    return target


def _rewrite(path: Path) -> None:
    """Write a recording with all members that a writer writes; members that this version does not know stay."""
    value = load_json(read_file(path)[1], path)
    assert isinstance(value, dict)
    request = value["request"]
    assert isinstance(request, dict)
    beside = path.with_name(names.temporary(path.name))
    beside.write_bytes(dump_json(_completed(value, request)))
    beside.replace(path)


def _completed(value: dict[str, JSON], request: dict[str, JSON]) -> dict[str, JSON]:
    body = request.get("body", request.get("payload", {}))
    model = body.get("model") if isinstance(body, dict) else None
    url = str(request["url"])
    path = "/" + url.partition("://")[2].partition("/")[2].partition("?")[0]
    endpoint = str(request.get("endpoint") or path)
    known: dict[str, JSON] = {
        "method": request["method"],
        "url": url,
        "headers": {},
        "body": body,
        "endpoint": endpoint if path.endswith(endpoint) else path,
        "model": model if isinstance(model, str) else "",
    }
    more = {name: item for name, item in request.items() if name not in known and name != "payload"}
    first: dict[str, JSON] = {
        "test_id": value.get("test_id"),
        "request": known | more,
        "response": value["response"],
        "id_normalization_mapping": value.get("id_normalization_mapping") or {},
    }
    return first | {name: item for name, item in value.items() if name not in first}
