"""Fine-tuning jobs, their events and checkpoints. A job advances from poll to poll."""

from __future__ import annotations

from typing import Any

from ..exchange import Answer
from .account import Call, Collection, page
from .answers import json_answer
from .identifiers import new_id, now
from .routes import Route

STAGES = ("validating_files", "queued", "running", "succeeded")
HYPERPARAMETERS = {"batch_size": "auto", "learning_rate_multiplier": "auto", "n_epochs": "auto"}


def _jobs(call: Call) -> Collection:
    return call.account.collection("fine-tuning jobs", "fine-tuning job")


def _create(call: Call) -> Answer:
    job = {
        "object": "fine_tuning.job",
        "id": new_id("ftjob-"),
        "model": call.body.get("model"),
        "created_at": now(),
        "finished_at": None,
        "fine_tuned_model": None,
        "organization_id": "org-9fKqT2aUvB0XsWcR7hYlMnPe",
        "result_files": [],
        "status": STAGES[0],
        "validation_file": call.body.get("validation_file"),
        "training_file": call.body.get("training_file"),
        "hyperparameters": HYPERPARAMETERS,
        "trained_tokens": None,
        "error": {},
        "user_provided_suffix": call.body.get("suffix"),
        "seed": call.body.get("seed", 683058546),
        "estimated_finish": None,
        "integrations": [],
        "metadata": call.body.get("metadata"),
        "usage_metrics": None,
        "shared_with_openai": False,
        "eval_id": None,
        "method": call.body.get("method")
        or {"type": "supervised", "supervised": {"hyperparameters": HYPERPARAMETERS}},
    }
    return json_answer(dict(_jobs(call).add(job)))


def _list(call: Call) -> Answer:
    return json_answer(page(_jobs(call).all(), call.request.parameters))


def _retrieve(call: Call) -> Answer:
    job = _jobs(call).get(call.names["id"])
    if job["status"] in STAGES[:-1]:
        job["status"] = STAGES[STAGES.index(job["status"]) + 1]
    if job["status"] == "succeeded" and not job["fine_tuned_model"]:
        model = f"ft:{job['model']}:my-org:{job['user_provided_suffix'] or ''}:7p4lURel"
        job.update(fine_tuned_model=model, finished_at=now(), trained_tokens=5768)
    return json_answer(job)


def _become(status: str) -> Any:
    """Return the answer to a request that brings a job into `status`."""

    def answer(call: Call) -> Answer:
        job = _jobs(call).get(call.names["id"])
        job["status"] = status
        return json_answer(job)

    return answer


def _events(call: Call) -> Answer:
    job = _jobs(call).get(call.names["id"])
    reached = STAGES.index(job["status"]) + 1 if job["status"] in STAGES else 1
    messages = [f"Fine-tuning job is {stage}" for stage in STAGES[:reached]]
    return json_answer(
        page([_event(job, index, text) for index, text in enumerate(messages)], call.request.parameters)
    )


def _event(job: dict[str, Any], index: int, message: str) -> dict[str, Any]:
    return {
        "object": "fine_tuning.job.event",
        # The same event has the same id in every list.
        "id": f"ftevent-{job['id'].removeprefix('ftjob-')}{index}",
        "created_at": job["created_at"] + index,
        "level": "info",
        "message": message,
        "data": None,
        "type": "message",
    }


def _checkpoints(call: Call) -> Answer:
    job = _jobs(call).get(call.names["id"])
    checkpoint = {
        "object": "fine_tuning.job.checkpoint",
        "id": f"ftckpt_{job['id'].removeprefix('ftjob-')}",
        "created_at": job["created_at"],
        "fine_tuned_model_checkpoint": f"ft:{job['model']}:my-org::7p4lURel:ckpt-step-100",
        "fine_tuning_job_id": job["id"],
        "metrics": {
            "step": 100,
            "train_loss": 0.478,
            "train_mean_token_accuracy": 0.924,
            "full_valid_loss": 0.567,
        },
        "step_number": 100,
    }
    return json_answer(page([checkpoint], call.request.parameters))


ROUTES = (
    Route("POST", "/v1/fine_tuning/jobs", _create),
    Route("GET", "/v1/fine_tuning/jobs", _list),
    Route("GET", "/v1/fine_tuning/jobs/{id}", _retrieve),
    Route("POST", "/v1/fine_tuning/jobs/{id}/cancel", _become("cancelled")),
    Route("POST", "/v1/fine_tuning/jobs/{id}/pause", _become("paused")),
    Route("POST", "/v1/fine_tuning/jobs/{id}/resume", _become("queued")),
    Route("GET", "/v1/fine_tuning/jobs/{id}/events", _events),
    Route("GET", "/v1/fine_tuning/jobs/{id}/checkpoints", _checkpoints),
)
