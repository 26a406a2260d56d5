"""What mitmdump loads: `mitmdump -s addon/replay.py`. All else is in the package beside it."""

from openai_replay.proxy.addon import OpenAIReplay

addons = [OpenAIReplay()]
