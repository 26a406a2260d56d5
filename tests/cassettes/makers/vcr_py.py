"""Records with VCR.py what a Python program sends: `vcr_py.py FOLDER`. Needs vcrpy, requests and openai."""

import gzip
import io
import json
import sys
from pathlib import Path

import openai
import requests
import vcr

URL = "https://api.openai.com/v1"
FOLDER = Path(sys.argv[1])


def chat(text: str, **more: object) -> dict[str, object]:
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **more}


def cassette(name: str, **options: object) -> object:
    recorder = vcr.VCR(filter_headers=["authorization"], **options)
    return recorder.use_cassette(str(FOLDER / name), record_mode="all", allow_playback_repeats=False)


with cassette("sdk.yaml"):
    client = openai.OpenAI(max_retries=0)
    client.chat.completions.create(**chat("Hello from VCR.py, naïve and 日本語."))
    for _ in client.chat.completions.create(
        **chat("Stream it.", stream=True, stream_options={"include_usage": True})
    ):
        pass
    for _ in client.responses.create(model="gpt-4o", input="Stream a response.", stream=True):
        pass
    client.embeddings.create(model="text-embedding-3-small", input="vector", dimensions=8)
    client.models.list()
    client.files.create(file=("notes.txt", io.BytesIO(b"some notes\x00\xff\n")), purpose="user_data")
    client.audio.speech.create(model="tts-1", voice="alloy", input="Say it.", response_format="wav").read()
    try:
        client.chat.completions.create(model="does-not-exist", messages=[{"role": "user", "content": "No."}])
    except openai.NotFoundError:
        pass

with cassette("repeats.yaml"):
    for _ in range(4):
        requests.get(
            f"{URL}/poll", headers={"authorization": "Bearer sk-test-0123456789abcdef0123456789abcdef"}
        )
    requests.post(f"{URL}/chat/completions", json=chat("Try again [scenario: rate-limited-once]"))
    requests.post(f"{URL}/chat/completions", json=chat("Try again [scenario: rate-limited-once]"))

with cassette("compressed.yaml"):
    for coding in ("gzip", "deflate", "br", "zstd"):
        text = f"Compressed [scenario: {coding}]"
        requests.post(f"{URL}/chat/completions", json=chat(text), headers={"accept-encoding": coding})
        requests.post(
            f"{URL}/chat/completions", json=chat(text, stream=True), headers={"accept-encoding": coding}
        )

with cassette(
    "without_headers.yaml.tmp", before_record_response=lambda response: {**response, "headers": {}}
):
    requests.post(f"{URL}/chat/completions", json=chat("Without headers."))
    requests.post(f"{URL}/chat/completions", json=chat("Without headers.", stream=True))
plain = FOLDER / "without_headers.yaml.tmp"
(FOLDER / "without_headers.yaml.gz").write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
plain.unlink()

with cassette("as_json.json", serializer="json"):
    requests.post(f"{URL}/chat/completions", data=json.dumps(chat("A cassette in JSON.")))
