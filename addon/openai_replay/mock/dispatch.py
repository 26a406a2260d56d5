"""Choose the part of the API that answers a request, by method and path, under any prefix of the host."""

from __future__ import annotations

import re

from .api import (
    anthropic,
    assistants,
    audio,
    batches,
    chat,
    completions,
    conversations,
    embeddings,
    files,
    fine_tuning,
    images,
    models,
    moderations,
    realtime,
    responses,
    runs,
    threads,
    vector_stores,
)
from .api.account import Account, Call
from .api.answers import ApiError, api_headers, error_answer
from .api.realtime import RealtimeConversation
from .api.responses_socket import ResponsesConversation
from .api.routes import Route
from .conversation import Conversation, Echo
from .exchange import Answer, Request, WebSocketBody

# `runs` before `threads`: /v1/threads/runs is no thread called "runs".
PARTS = (
    anthropic,
    assistants,
    audio,
    batches,
    chat,
    completions,
    conversations,
    embeddings,
    files,
    fine_tuning,
    images,
    models,
    moderations,
    realtime,
    responses,
    runs,
    threads,
    vector_stores,
)
ROUTES: tuple[Route, ...] = tuple(route for part in PARTS for route in part.ROUTES)
# Azure's newer surface, OpenRouter's, and a base URL joined to an endpoint that repeats its prefix.
PREFIXES = re.compile(r"^(?:/openai/v1|/api/v1|/v1)+(?=/)")
AZURE_DEPLOYMENT = re.compile(r"^/openai/deployments/([^/]+)(?=/)")


def answer_of_api(request: Request, account: Account) -> Answer:
    """Return the answer of the API to `request`; refusals are answers, too."""
    try:
        return _answer(request, account)
    except ApiError as error:
        return error_answer(error)


def conversation_of_api(request: Request, account: Account) -> Answer:
    """Return the WebSocket that a request opens: Responses, Realtime, or at any other path an echo."""
    try:
        _check_key(request)
    except ApiError as error:
        return error_answer(error)
    path, _ = _path_and_body(request)
    return Answer(101, api_headers(None), WebSocketBody(lambda: _conversation(path, request, account)))


def _conversation(path: str, request: Request, account: Account) -> Conversation:
    if path == "/v1/responses":
        return ResponsesConversation(account)
    parameters = request.parameters
    model = parameters.get("model", "gpt-realtime")
    if path == "/v1/realtime":
        return RealtimeConversation(model, parameters.get("intent", "realtime"))
    if path == "/v1/realtime/translations":
        return RealtimeConversation(model, "translation")
    return Echo()


def _answer(request: Request, account: Account) -> Answer:
    _check_key(request)
    path, body = _path_and_body(request)
    method = "GET" if request.method == "HEAD" else request.method
    for route in ROUTES:
        if route.method == method and (names := route.maybe_names(path)) is not None:
            return route.answer(Call(request, account, names, body))
    raise _unknown(request, path)


def _path_and_body(request: Request) -> tuple[str, dict[str, object]]:
    """Return the path as api.openai.com has it, and the JSON body; on Azure the deployment is the model."""
    body = request.json()
    if deployment := AZURE_DEPLOYMENT.match(request.path):
        return "/v1" + request.path[deployment.end() :], {"model": deployment[1], **body}
    return PREFIXES.sub("/v1", request.path), body


def _check_key(request: Request) -> None:
    """Refuse a key that says it is invalid. One without a key passes: it is no concern of most tests."""
    key = (request.header("authorization") or "").removeprefix("Bearer ")
    if "invalid" in key:
        raise ApiError(
            401,
            f"Incorrect API key provided: {key[:8]}{'*' * 8}{key[-4:]}. "
            "You can find your API key at https://platform.openai.com/account/api-keys.",
            code="invalid_api_key",
        )


def _unknown(request: Request, path: str) -> ApiError:
    if any(route.maybe_names(path) is not None for route in ROUTES):
        return ApiError(405, f"Not allowed to {request.method} on {request.path}.")
    return ApiError(404, f"Invalid URL ({request.method} {request.path})", code="unknown_url")
