"""Write the report of a run in the form that the file's ending names: `.html`, `.xml` (JUnit), else JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..format.recording import dump_json
from .junit import junit
from .page import page


def report_file(path: Path, reported: dict[str, Any], folder: Path) -> bytes:
    """Return the content of a report file.

    Args:
        path: its ending chooses the form.
        reported: the report as `GET /report` gives it.
        folder: the folder of the recordings, which an HTML page reads its conversations from.
    """
    match path.suffix.lower():
        case ".html" | ".htm":
            return page(reported, folder).encode("utf-8", "backslashreplace")
        case ".xml":
            return junit(reported)
        case _:
            return dump_json(reported)
