"""The page about the recording format names only files and members that exist, and all of them."""

import json
import re
from pathlib import Path

from openai_replay.format.json_text import compact
from openai_replay.format.recording import decode, encode
from openai_replay.request.reference_hash import request_hash
from openai_replay.wire.white_space import usual

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "recordings" / "FORMAT.md").read_text(encoding="utf-8")
EXAMPLE = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)


def test_each_file_that_it_names_exists() -> None:
    paths = re.findall(r"`(addon/[a-z_/.]+)`", PAGE)

    assert paths
    assert [path for path in paths if not (ROOT / path).is_file()] == []


def test_each_note_of_the_wire_is_in_the_table() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "addon/openai_replay").rglob("*.py")]
    read = {name for source in sources for name in re.findall(r'\.wire\.get\("([a-z_]+)"\)', source)}
    table = PAGE.partition("**`response.wire`**")[2].partition("\n\nThe usual")[0]
    rows = re.findall(r"^\| (`[^|]*`) \|", table, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}

    assert {"corrections", "layout"} <= read
    assert read <= named


def test_the_example_is_a_recording() -> None:
    assert EXAMPLE is not None
    recording = decode(EXAMPLE[1].encode(), Path("example.json"))

    assert json.loads(encode(recording)) == json.loads(EXAMPLE[1])
    assert compact(json.loads(EXAMPLE[1])["response"]["wire"]) == compact(recording.response.wire)


def test_the_id_of_the_example_is_that_of_its_request() -> None:
    assert EXAMPLE is not None
    request = json.loads(EXAMPLE[1])["request"]
    name = request_hash(request["method"], request["url"], request["body"], None)

    assert f'"rec-{name[:12]}"' in PAGE


def test_the_usual_white_space_is_as_it_says() -> None:
    assert usual("https://api.openai.com/v1/chat/completions").note() == "indent 2, newline"
    assert usual("https://api.openai.com/v1/threads/thread_1/messages").note() == "indent 2"
    assert usual("https://api.openai.com/v1/audio/transcriptions").note() == "compact"
