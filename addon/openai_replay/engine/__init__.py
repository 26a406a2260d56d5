"""Replay for load tests: recorded hosts by base URL, on Granian, a server made for many requests a second."""
