"""What mitmdump loads: `mitmdump -s addon/replay.py`. All else is in the package beside it."""

from openai_replay.hooks import OpenAIReplay

addons = [OpenAIReplay()]
