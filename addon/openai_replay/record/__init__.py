"""Exchange to recording."""
