"""Vector stores, their files and batches of files, and search in them."""

from __future__ import annotations

from typing import Any

from ..exchange import Answer
from .account import Call, Collection, page
from .answers import json_answer
from .identifiers import new_hex_id, now
from .routes import Route

CHUNKING = {"type": "static", "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}}


def _stores(call: Call) -> Collection:
    return call.account.collection("vector stores", "vector store")


def _files(call: Call) -> Collection:
    _stores(call).get(call.names["id"])
    return call.account.collection(f"files of {call.names['id']}", "file")


def _file_batches(call: Call) -> Collection:
    return call.account.collection(f"file batches of {call.names['id']}", "file batch")


def _counts(completed: int, in_progress: int = 0) -> dict[str, int]:
    return {
        "in_progress": in_progress,
        "completed": completed,
        "failed": 0,
        "cancelled": 0,
        "total": completed + in_progress,
    }


def _create(call: Call) -> Answer:
    store = {
        "id": new_hex_id("vs_", 32),
        "object": "vector_store",
        "created_at": now(),
        "name": call.body.get("name"),
        "description": call.body.get("description"),
        "usage_bytes": 0,
        "file_counts": _counts(len(call.body.get("file_ids") or [])),
        "status": "completed",
        "expires_after": call.body.get("expires_after"),
        "expires_at": None,
        "last_active_at": now(),
        "metadata": call.body.get("metadata") or {},
    }
    return json_answer(_stores(call).add(store))


def _list(call: Call) -> Answer:
    return json_answer(page(_stores(call).all(), call.request.parameters))


def _retrieve(call: Call) -> Answer:
    return json_answer(_stores(call).get(call.names["id"]))


def _update(call: Call) -> Answer:
    store = _stores(call).get(call.names["id"])
    store.update({name: call.body[name] for name in ("name", "metadata") if name in call.body})
    return json_answer(store)


def _delete(call: Call) -> Answer:
    _stores(call).remove(call.names["id"])
    return json_answer({"id": call.names["id"], "object": "vector_store.deleted", "deleted": True})


def _search(call: Call) -> Answer:
    query = call.body.get("query")
    data = [
        {
            "file_id": file["id"],
            "filename": _filename(call, file["id"]),
            "score": 0.8743290876,
            "attributes": file["attributes"],
            "content": [{"type": "text", "text": _text(call, file["id"])[:200]}],
        }
        for file in _files(call).all()
    ]
    return json_answer(
        {
            "object": "vector_store.search_results.page",
            "search_query": query if isinstance(query, list) else [query],
            "data": data,
            "has_more": False,
            "next_page": None,
        }
    )


def _filename(call: Call, id: str) -> str:
    return str(call.account.collection("files", "File object").get(id)["filename"])


def _text(call: Call, id: str) -> str:
    return call.account.contents.get(id, b"").decode("utf-8", "replace")


def _attach(call: Call, file_id: str) -> dict[str, Any]:
    """Attach a file; it is in progress until it is first retrieved."""
    file = {
        "id": file_id,
        "object": "vector_store.file",
        "usage_bytes": len(call.account.contents.get(file_id, b"")),
        "created_at": now(),
        "vector_store_id": call.names["id"],
        "status": "in_progress",
        "last_error": None,
        "chunking_strategy": CHUNKING,
        "attributes": call.body.get("attributes") or {},
    }
    return _files(call).add(file)


def _add_file(call: Call) -> Answer:
    return json_answer(dict(_attach(call, call.body["file_id"])))


def _list_files(call: Call) -> Answer:
    return json_answer(page(_files(call).all(), call.request.parameters))


def _retrieve_file(call: Call) -> Answer:
    file = _files(call).get(call.names["file"])
    file["status"] = "completed"
    return json_answer(file)


def _update_file(call: Call) -> Answer:
    file = _files(call).get(call.names["file"])
    file["attributes"] = call.body.get("attributes") or {}
    return json_answer(file)


def _file_content(call: Call) -> Answer:
    _files(call).get(call.names["file"])
    return json_answer(
        {
            "object": "vector_store.file_content.page",
            "data": [{"type": "text", "text": _text(call, call.names["file"])}],
            "has_more": False,
            "next_page": None,
        }
    )


def _remove_file(call: Call) -> Answer:
    _files(call).remove(call.names["file"])
    return json_answer({"id": call.names["file"], "object": "vector_store.file.deleted", "deleted": True})


def _create_batch(call: Call) -> Answer:
    files = [_attach(call, id) for id in call.body.get("file_ids", [])]
    batch = {
        "id": new_hex_id("vsfb_", 32),
        "object": "vector_store.files_batch",
        "created_at": now(),
        "status": "in_progress",
        "vector_store_id": call.names["id"],
        "file_counts": _counts(0, len(files)),
    }
    return json_answer(dict(_file_batches(call).add(batch)))


def _retrieve_batch(call: Call) -> Answer:
    batch = _file_batches(call).get(call.names["batch"])
    batch.update(status="completed", file_counts=_counts(batch["file_counts"]["total"]))
    return json_answer(batch)


def _cancel_batch(call: Call) -> Answer:
    batch = _file_batches(call).get(call.names["batch"])
    batch["status"] = "cancelled"
    return json_answer(batch)


ROUTES = (
    Route("POST", "/v1/vector_stores", _create),
    Route("GET", "/v1/vector_stores", _list),
    Route("GET", "/v1/vector_stores/{id}", _retrieve),
    Route("POST", "/v1/vector_stores/{id}", _update),
    Route("DELETE", "/v1/vector_stores/{id}", _delete),
    Route("POST", "/v1/vector_stores/{id}/search", _search),
    Route("POST", "/v1/vector_stores/{id}/files", _add_file),
    Route("GET", "/v1/vector_stores/{id}/files", _list_files),
    Route("GET", "/v1/vector_stores/{id}/files/{file}", _retrieve_file),
    Route("POST", "/v1/vector_stores/{id}/files/{file}", _update_file),
    Route("GET", "/v1/vector_stores/{id}/files/{file}/content", _file_content),
    Route("DELETE", "/v1/vector_stores/{id}/files/{file}", _remove_file),
    Route("POST", "/v1/vector_stores/{id}/file_batches", _create_batch),
    Route("GET", "/v1/vector_stores/{id}/file_batches/{batch}", _retrieve_batch),
    Route("GET", "/v1/vector_stores/{id}/file_batches/{batch}/files", _list_files),
    Route("POST", "/v1/vector_stores/{id}/file_batches/{batch}/cancel", _cancel_batch),
)
