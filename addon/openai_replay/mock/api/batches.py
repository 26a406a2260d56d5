"""Batches: create, advance from poll to poll, answer into a file, cancel, list."""

from __future__ import annotations

import json
from typing import Any

from ..exchange import Answer
from .account import Call, Collection, page
from .answers import json_answer
from .chat import completion
from .files import keep_file
from .identifiers import new_hex_id, now
from .routes import Route

STAGES = ("validating", "in_progress", "finalizing", "completed")
DAY_SECONDS = 86400
TIMES = (
    "in_progress_at",
    "expires_at",
    "finalizing_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelling_at",
    "cancelled_at",
)


def _batches(call: Call) -> Collection:
    return call.account.collection("batches", "batch")


def _create(call: Call) -> Answer:
    times: dict[str, Any] = dict.fromkeys(TIMES)
    times["expires_at"] = now() + DAY_SECONDS
    batch = {
        "id": new_hex_id("batch_", 32),
        "object": "batch",
        "endpoint": call.body.get("endpoint"),
        "errors": None,
        "input_file_id": call.body.get("input_file_id"),
        "completion_window": call.body.get("completion_window", "24h"),
        "status": STAGES[0],
        "output_file_id": None,
        "error_file_id": None,
        "created_at": now(),
        **times,
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
        "metadata": call.body.get("metadata"),
    }
    return json_answer(dict(_batches(call).add(batch)))


def _retrieve(call: Call) -> Answer:
    batch = _batches(call).get(call.names["id"])
    if batch["status"] in STAGES[:-1]:
        _advance(call, batch)
    return json_answer(batch)


def _advance(call: Call, batch: dict[str, Any]) -> None:
    """Move `batch` on by one stage, as time does for the API."""
    batch["status"] = STAGES[STAGES.index(batch["status"]) + 1]
    batch[f"{batch['status']}_at"] = now()
    if batch["status"] == "completed":
        lines = _output(call.account.contents.get(batch["input_file_id"], b""))
        output = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        file = keep_file(call.account, f"{batch['id']}_output.jsonl", "batch_output", output.encode())
        batch["output_file_id"] = file["id"]
        batch["request_counts"] = {"total": len(lines), "completed": len(lines), "failed": 0}


def _output(content: bytes) -> list[dict[str, Any]]:
    requests = [json.loads(line) for line in content.splitlines() if line.strip()]
    return [
        {
            "id": new_hex_id("batch_req_", 32),
            "custom_id": request.get("custom_id"),
            "response": {
                "status_code": 200,
                "request_id": new_hex_id("", 32),
                "body": completion(request.get("body", {})),
            },
            "error": None,
        }
        for request in requests
    ]


def _cancel(call: Call) -> Answer:
    batch = _batches(call).get(call.names["id"])
    batch.update(status="cancelling", cancelling_at=now())
    return json_answer(batch)


def _list(call: Call) -> Answer:
    return json_answer(page(_batches(call).all(), call.request.parameters))


ROUTES = (
    Route("POST", "/v1/batches", _create),
    Route("GET", "/v1/batches", _list),
    Route("GET", "/v1/batches/{id}", _retrieve),
    Route("POST", "/v1/batches/{id}/cancel", _cancel),
)
