"""Files: upload, list in pages, content, delete; and uploads in parts."""

from __future__ import annotations

from typing import Any

from ..exchange import Answer
from ..multipart import fields_of, files_of
from .account import Account, Call, Collection, page
from .answers import ApiError, body_answer, json_answer
from .identifiers import new_hex_id, new_id, now
from .routes import Route

HOUR_SECONDS = 3600


def keep_file(account: Account, filename: str, purpose: str, content: bytes) -> dict[str, Any]:
    """Keep `content` as a file of `account` and return its `file` object."""
    file: dict[str, Any] = {
        "object": "file",
        "id": new_id("file-", 22),
        "purpose": purpose,
        "filename": filename,
        "bytes": len(content),
        "created_at": now(),
        "expires_at": None,
        "status": "processed",
        "status_details": None,
    }
    account.contents[file["id"]] = content
    return account.collection("files", "File object").add(file)


def _files(call: Call) -> Collection:
    return call.account.collection("files", "File object")


def _upload(call: Call) -> Answer:
    files, fields = files_of(call.request), fields_of(call.request)
    if not files:
        raise ApiError(
            400, "Missing required parameter: 'file'.", param="file", code="missing_required_parameter"
        )
    name = files[0].filename or "upload"
    return json_answer(keep_file(call.account, name, fields.get("purpose", ""), files[0].content))


def _list(call: Call) -> Answer:
    wanted = call.request.parameters.get("purpose")
    kept = [file for file in _files(call).all() if wanted in (None, file["purpose"])]
    return json_answer(page(kept, call.request.parameters))


def _retrieve(call: Call) -> Answer:
    return json_answer(_files(call).get(call.names["id"]))


def _content(call: Call) -> Answer:
    _files(call).get(call.names["id"])
    return body_answer(call.account.contents[call.names["id"]], "application/octet-stream")


def _delete(call: Call) -> Answer:
    _files(call).remove(call.names["id"])
    return json_answer({"object": "file", "deleted": True, "id": call.names["id"]})


def _uploads(call: Call) -> Collection:
    return call.account.collection("uploads", "upload")


def _begin_upload(call: Call) -> Answer:
    upload = {
        "id": new_hex_id("upload_"),
        "object": "upload",
        "bytes": call.body.get("bytes"),
        "created_at": now(),
        "filename": call.body.get("filename"),
        "purpose": call.body.get("purpose"),
        "status": "pending",
        "expires_at": now() + HOUR_SECONDS,
        "file": None,
    }
    return json_answer(_uploads(call).add(upload))


def _add_part(call: Call) -> Answer:
    upload = _uploads(call).get(call.names["id"])
    part = {
        "id": new_hex_id("part_"),
        "object": "upload.part",
        "created_at": now(),
        "upload_id": upload["id"],
    }
    call.account.contents[part["id"]] = files_of(call.request)[0].content
    return json_answer(part)


def _complete_upload(call: Call) -> Answer:
    upload = _uploads(call).get(call.names["id"])
    content = b"".join(call.account.contents.get(part, b"") for part in call.body.get("part_ids", []))
    file = keep_file(call.account, upload["filename"], upload["purpose"], content)
    upload.update(status="completed", file=file)
    return json_answer(upload)


def _cancel_upload(call: Call) -> Answer:
    upload = _uploads(call).get(call.names["id"])
    upload["status"] = "cancelled"
    return json_answer(upload)


ROUTES = (
    Route("POST", "/v1/files", _upload),
    Route("GET", "/v1/files", _list),
    Route("GET", "/v1/files/{id}", _retrieve),
    Route("GET", "/v1/files/{id}/content", _content),
    Route("DELETE", "/v1/files/{id}", _delete),
    Route("POST", "/v1/uploads", _begin_upload),
    Route("POST", "/v1/uploads/{id}/parts", _add_part),
    Route("POST", "/v1/uploads/{id}/complete", _complete_upload),
    Route("POST", "/v1/uploads/{id}/cancel", _cancel_upload),
)
