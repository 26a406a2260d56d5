"""The bytes on the wire: SSE, content codings, headers, and how a stored object becomes wire JSON again."""
