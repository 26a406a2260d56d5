"""Shared parts of the end-to-end tests: a real mitmdump, and real programs in an environment without settings."""
