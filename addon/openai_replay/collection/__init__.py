"""Recordings as a collection: import, export, check, compare, prune."""
