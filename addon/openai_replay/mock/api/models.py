"""Models: list, retrieve, delete a fine-tuned model."""

from __future__ import annotations

from ..exchange import Answer
from .account import Call
from .answers import ApiError, json_answer
from .routes import Route

MODELS = (
    ("gpt-4-0613", 1686588896, "openai"),
    ("gpt-4", 1687882411, "openai"),
    ("gpt-3.5-turbo", 1677610602, "openai"),
    ("gpt-3.5-turbo-instruct", 1692901427, "system"),
    ("gpt-4o", 1715367049, "system"),
    ("gpt-4o-2024-08-06", 1722814719, "system"),
    ("gpt-4o-mini", 1721172741, "system"),
    ("gpt-4o-mini-2024-07-18", 1721172717, "system"),
    ("gpt-4.1", 1744316542, "system"),
    ("gpt-4.1-2025-04-14", 1744315746, "system"),
    ("gpt-5", 1754425777, "system"),
    ("o4-mini", 1744225351, "system"),
    ("gpt-image-1", 1745517030, "system"),
    ("gpt-4o-mini-tts", 1742403959, "system"),
    ("gpt-4o-transcribe", 1742068463, "system"),
    ("omni-moderation-latest", 1731689265, "system"),
    ("text-embedding-3-small", 1705948997, "system"),
    ("text-embedding-3-large", 1705953180, "system"),
    ("tts-1", 1681940951, "openai-internal"),
    ("whisper-1", 1677532384, "openai-internal"),
    ("text-embedding-ada-002", 1671217299, "openai-internal"),
)
DATED = {
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-5": "gpt-5-2025-08-07",
    "o4-mini": "o4-mini-2025-04-16",
    "gpt-3.5-turbo": "gpt-3.5-turbo-0125",
    "gpt-3.5-turbo-instruct": "gpt-3.5-turbo-instruct:20230824-v2",
}


def dated(model: str) -> str:
    """Return the snapshot that answers for `model`.

    Raises:
        ApiError: 404, for a name that says of itself that it does not exist.
    """
    if "does-not-exist" in model:
        raise ApiError(
            404,
            f"The model `{model}` does not exist or you do not have access to it.",
            code="model_not_found",
        )
    return DATED.get(model, model)


def _list_models(call: Call) -> Answer:
    return json_answer({"object": "list", "data": [_model(*model) for model in MODELS]})


def _retrieve_model(call: Call) -> Answer:
    for model in MODELS:
        if model[0] == call.names["model"]:
            return json_answer(_model(*model))
    raise ApiError(
        404,
        f"The model '{call.names['model']}' does not exist",
        param="model",
        code="model_not_found",
    )


def _delete_model(call: Call) -> Answer:
    return json_answer({"id": call.names["model"], "object": "model", "deleted": True})


def _model(id: str, created: int, owned_by: str) -> dict[str, object]:
    return {"id": id, "object": "model", "created": created, "owned_by": owned_by}


ROUTES = (
    Route("GET", "/v1/models", _list_models),
    Route("GET", "/v1/models/{model}", _retrieve_model),
    Route("DELETE", "/v1/models/{model}", _delete_model),
)
