"""A recording as a conversation: messages, assembled texts, tool calls, reasoning, usage and how it ended."""
