"""Replaced internals of mitmproxy, each with its expected signatures, measured gain and undo function.

Nearly all are shortcuts. A replacement is skipped, with one debug line, where a signature differs: a new version of
mitmproxy costs speed, never function. OPENAI_REPLAY_SHORTCUTS=refused in the environment skips all shortcuts.
"""
