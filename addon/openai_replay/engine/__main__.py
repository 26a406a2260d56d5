"""Run the engine: `python -m openai_replay.engine`, which `openai-replay serve --engine granian` starts."""

from .server import serve

serve()
