"""Every replaced internal of mitmproxy: each says what it expects, what it gains, and how it is undone.

Where mitmproxy differs from the expectation it is left alone, with one debug line: a new version costs speed, never
function. OPENAI_REPLAY_SHORTCUTS=refused in the environment leaves all of it alone.
"""
