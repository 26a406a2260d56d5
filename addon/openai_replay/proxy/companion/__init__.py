"""Paths of the scripts that `openai-replay run` loads into its proxy."""

from pathlib import Path

SCRIPT = Path(__file__).with_name("companion.py")
MOCK_SCRIPT = Path(__file__).with_name("mock.py")

# The environment variables by which `run` tells the proxy: the file descriptor to announce the listening port on, the
# one to read the real keys from, and the recorded hosts that are not asked through the user's own proxy.
# The variable that chooses a line per request, see service/request_log.py.
REQUEST_LOG = "OPENAI_REPLAY_REQUEST_LOG"

ANNOUNCE_FD = "OPENAI_REPLAY_ANNOUNCE_FD"
KEYS_FD = "OPENAI_REPLAY_KEYS_FD"
DIRECT_HOSTS = "OPENAI_REPLAY_DIRECT_HOSTS"
