"""Run the engine: `python -m openai_replay.engine`, which `openai-replay serve --engine uvicorn` starts."""

from .server import serve

serve()
