"""Sessions of a WebSocket, recorded as the proxy records them and read back."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openai_replay.format.recording import decode
from openai_replay.record.exchange import End as Ending
from openai_replay.record.record import record
from openai_replay.record.socket_session import SocketSession
from openai_replay.request.identity import describe
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from openai_replay.request.upgrade import upgrade_body
from openai_replay.store.index_rows import identity_of
from openai_replay.store.store import Stored
from openai_replay.wire.socket_notes import Close

URL = "https://api.openai.com/v1/realtime?model=gpt-realtime"
NORMAL = Close(1000)
RULES = Rules((), redactor(()))
API_REQUEST = describe("GET", URL, upgrade_body([]), None, RULES)

type Messages = list[tuple[str, Any]]


def recording(
    folder: Path,
    messages: Messages,
    *,
    close: Close | None = NORMAL,
    by: str = "client",
    times_ms: Sequence[float] | None = None,
    name: str = "x",
) -> Stored:
    """Record a session as the proxy does, and read it back."""
    end = Ending.LEFT_BY_CLIENT if by == "client" else Ending.CUT_BY_UPSTREAM
    texts = [(side, m if isinstance(m, str | bytes) else json.dumps(m)) for side, m in messages]
    made = record(SocketSession(API_REQUEST, texts, end, close, times_ms))
    for one in made.companions:
        (folder / f"{name}{one.ending}").write_bytes(b"".join(one.content))
    path = folder / f"{name}.json"
    path.write_bytes(b"".join(made.pieces({one.holds: f"{name}{one.ending}" for one in made.companions})))
    read = decode(path.read_bytes(), path)
    return Stored(path, (0, 0, 0), read, identity_of(read.request, path, RULES))


def append(content: bytes, **more: Any) -> dict[str, Any]:
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(content).decode(), **more}
