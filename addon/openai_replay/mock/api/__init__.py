"""What api.openai.com, and those that speak like it, would answer. One module per part of the API reference.

A module lists what it answers in `ROUTES`; `dispatch.py` finds the one for a request. Members stand in the
order in which the API writes them.
"""
