"""The answers of api.openai.com and of compatible hosts. One module per part of the API reference.

A module lists its endpoints in `ROUTES`; `dispatch.py` finds the one for a request. Members stand in the
order in which the API writes them.
"""
