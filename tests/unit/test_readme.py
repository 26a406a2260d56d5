"""The README and the pages beside the code name the options, modes and headers that exist."""

import re
from pathlib import Path

from openai_replay.options import OPTIONS, Mode
from openai_replay.service.control import HOST
from openai_replay.wire import headers

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SAFETY_PAGE = (ROOT / "addon" / "SAFETY.md").read_text(encoding="utf-8")
MATCHING_PAGE = (ROOT / "addon" / "MATCHING.md").read_text(encoding="utf-8")
OPTIONS_PAGE = (ROOT / "addon" / "OPTIONS.md").read_text(encoding="utf-8")


def first_cells_of_table(section: str) -> list[str]:
    """Return the names in backticks that begin the rows of a section's table."""
    text = OPTIONS_PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([a-z_-]+)` \|", text, re.MULTILINE)


def test_the_table_of_options_is_the_options_in_their_order() -> None:
    assert first_cells_of_table("Options") == [option.name for option in OPTIONS]


def test_the_defaults_are_those_of_the_options() -> None:
    for option in OPTIONS:
        row = re.search(rf"^\| `{option.name}` \| (.*?) \|", OPTIONS_PAGE, re.MULTILINE)
        assert row is not None
        values = [option.default] if isinstance(option.default, str) else option.default
        expected = ", ".join(f"`{value}`" for value in values if value) or "none"
        assert row[1] == ("secrets" if option.name == "recording_redact" else expected)


def test_the_table_of_modes_is_the_modes() -> None:
    modes = [name for name in first_cells_of_table("Modes") if name != "recording_mode"]
    assert modes == [mode.value for mode in Mode]


def test_the_headers_that_are_kept_are_those_that_are_named() -> None:
    _, _, text = SAFETY_PAGE.partition("A recording keeps the response headers that clients read:")
    sentence, _, _ = text.partition(".\n")
    assert sorted(re.findall(r"`([a-z-]+)`", sentence)) == sorted(["content-type", *headers.KEPT])


def test_the_modes_of_the_readme_are_the_modes() -> None:
    table = README.partition("\n## Modes\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z-]+)` \| [a-z]", table, re.MULTILINE) == [mode.value for mode in Mode]


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= 1200


def test_the_proxy_is_asked_under_its_host() -> None:
    assert f"http://{HOST}/report" in MATCHING_PAGE
