"""Replay for load tests: recorded hosts by base URL, on uvicorn, a server made for many requests a second."""
