"""Paths of the scripts that `openai-replay run` loads into its proxy, and variables of that proxy."""

import os

# Not with pathlib: the start of the command line would wait for its import.
SCRIPT = os.path.join(os.path.dirname(__file__), "companion.py")
MOCK_SCRIPT = os.path.join(os.path.dirname(__file__), "mock.py")

# The environment variable that chooses a log line per request, see service/request_log.py.
REQUEST_LOG = "OPENAI_REPLAY_REQUEST_LOG"

# Environment variables from `run` to its proxy: the file descriptor to announce the listening port on, the file
# descriptor to read the real keys from, and the recorded hosts to connect to past the user's own proxy.
ANNOUNCE_FD = "OPENAI_REPLAY_ANNOUNCE_FD"
KEYS_FD = "OPENAI_REPLAY_KEYS_FD"
DIRECT_HOSTS = "OPENAI_REPLAY_DIRECT_HOSTS"
