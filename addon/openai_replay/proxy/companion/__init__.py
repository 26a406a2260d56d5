"""The script that the proxy loads when `openai-replay run` starts it, as a file: here, only where it is."""

from pathlib import Path

SCRIPT = Path(__file__).with_name("companion.py")
MOCK_SCRIPT = Path(__file__).with_name("mock.py")

# The environment variable that tells the script which file descriptor to announce the listening port on.
ANNOUNCE_FD = "OPENAI_REPLAY_ANNOUNCE_FD"
