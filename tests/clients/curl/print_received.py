"""Print as one line of JSON what curl received: on standard input the body, then a line of curl's own."""

import json
import re
import sys
from typing import Any

JSONObject = dict[str, Any]

FIRST_ERROR_STATUS = 400


def parse_events(body: str) -> list[JSONObject]:
    """The JSON of each `data:` line of an event stream, without the closing `[DONE]`."""
    # Not splitlines(): it also breaks at U+2028 and others, which JSON strings may hold as they are.
    lines = re.split("\\r\\n|\\r|\\n", body)
    data = [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]
    return [json.loads(text) for text in data if text != "[DONE]"]


def token_usage(usage: JSONObject | None) -> JSONObject | None:
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.get("prompt_tokens", usage.get("input_tokens")),
        "completion_tokens": usage.get("completion_tokens", usage.get("output_tokens", 0)),
        "total_tokens": usage["total_tokens"],
    }


def from_completion(completion: JSONObject) -> JSONObject:
    choice = completion["choices"][0]
    return {
        "text": choice["message"]["content"],
        "finish_reason": choice["finish_reason"],
        "tool_calls": [
            {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
            for call in choice["message"].get("tool_calls") or []
        ],
        "usage": token_usage(completion.get("usage")),
    }


def from_chunks(chunks: list[JSONObject]) -> JSONObject:
    text: str | None = None
    finish_reason: str | None = None
    usage: JSONObject | None = None
    tool_calls: dict[int, JSONObject] = {}
    for chunk in chunks:
        usage = chunk.get("usage") or usage
        for choice in chunk["choices"]:
            finish_reason = choice["finish_reason"] or finish_reason
            delta = choice["delta"]
            if delta.get("content") is not None:
                text = (text or "") + delta["content"]
            for piece in delta.get("tool_calls") or []:
                call = tool_calls.setdefault(piece["index"], {"name": "", "arguments": ""})
                call["name"] += piece["function"].get("name") or ""
                call["arguments"] += piece["function"].get("arguments") or ""
    return {
        "text": text,
        "finish_reason": finish_reason,
        "tool_calls": list(tool_calls.values()),
        "usage": token_usage(usage),
        "chunks": len(chunks),
    }


def from_embeddings(answer: JSONObject) -> JSONObject:
    vectors = [item["embedding"] for item in answer["data"]]
    return {
        "usage": token_usage(answer["usage"]),
        "embeddings": [{"dimensions": len(vector), "first": vector[0]} for vector in vectors],
    }


def from_response(response: JSONObject) -> JSONObject:
    messages = [item for item in response["output"] if item["type"] == "message"]
    return {
        "text": "".join(part["text"] for message in messages for part in message["content"]),
        "finish_reason": response["status"],
        "usage": token_usage(response["usage"]),
    }


def from_response_events(events: list[JSONObject]) -> JSONObject:
    completed = [event["response"] for event in events if event["type"] == "response.completed"]
    received = from_response(completed[0]) if completed else {}
    deltas = [event["delta"] for event in events if event["type"] == "response.output_text.delta"]
    return received | {"text": "".join(deltas), "chunks": len(events)}


READERS = {
    "chat": lambda body: from_completion(json.loads(body)),
    "stream": lambda body: from_chunks(parse_events(body)),
    "tools": lambda body: from_completion(json.loads(body)),
    "tools-stream": lambda body: from_chunks(parse_events(body)),
    "miss": lambda body: from_completion(json.loads(body)),
    "error": lambda body: from_completion(json.loads(body)),
    "embeddings": lambda body: from_embeddings(json.loads(body)),
    "responses": lambda body: from_response(json.loads(body)),
    "responses-stream": lambda body: from_response_events(parse_events(body)),
}


def transfer_failure(exit_code: str, message: str) -> JSONObject:
    return {"class": f"curl {exit_code}", "status": None, "message": message, "code": None}


def status_failure(status: int, body: str) -> JSONObject:
    error = json.loads(body)["error"]
    return {"class": f"HTTP {status}", "status": status, "message": error["message"], "code": error["code"]}


def receive(case: str, output: str) -> JSONObject:
    body, _, last_line = output.rstrip("\n").rpartition("\n")
    status, exit_code, *message = last_line.split(" ", 2)
    if exit_code != "0" and not body:
        return {"error": transfer_failure(exit_code, " ".join(message))}
    if int(status) >= FIRST_ERROR_STATUS:
        return {"error": status_failure(int(status), body)}
    received: JSONObject = READERS[case](body)
    if exit_code != "0":
        received["error"] = transfer_failure(exit_code, " ".join(message))
    return received


def main() -> None:
    case = sys.argv[1]
    output = sys.stdin.buffer.read().decode("utf-8")
    line: JSONObject = {
        "client": "curl",
        "case": case,
        "text": None,
        "finish_reason": None,
        "tool_calls": [],
        "usage": None,
        "chunks": 0,
        "embeddings": [],
        "error": None,
    }
    print(json.dumps(line | receive(case, output)))


if __name__ == "__main__":
    main()
