"""The report as JUnit XML for CI: one test case per test id, which fails where a request was missed or not recorded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from .by_test import TestPart, by_test, explained, kind_of

# Characters that XML 1.0 cannot hold (section 2.2).
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(reported: Mapping[str, Any]) -> bytes:
    """Return the JUnit XML of a report."""
    parts = by_test(reported)
    bad = sum(not part.is_good() for part in parts.values())
    suite = ElementTree.Element(
        "testsuite", name="openai-replay", tests=str(len(parts)), failures=str(bad), errors="0", skipped="0"
    )
    for test_id, part in parts.items():
        case = ElementTree.SubElement(
            suite, "testcase", classname="openai-replay", name=_text(test_id), time="0"
        )
        _add_failures(case, part)
    unused = reported.get("unused", ())
    if unused:
        ElementTree.SubElement(suite, "system-out").text = _text("Unused recordings:\n" + "\n".join(unused))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _add_failures(case: ElementTree.Element, part: TestPart) -> None:
    for miss in part.missed:
        lines = explained(miss)
        failure = ElementTree.SubElement(case, "failure", type=kind_of(miss), message=_text(lines[0]))
        failure.text = _text("\n".join(lines))
    for entry in part.not_recorded:
        message = f"Not recorded: {entry.get('request', '')}: {entry.get('reason', '')}"
        ElementTree.SubElement(case, "failure", type="not recorded", message=_text(message))


def _text(value: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", value)
