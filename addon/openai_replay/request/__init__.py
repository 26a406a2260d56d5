"""The request: its identity, body, test id, ignore rules and redaction."""
