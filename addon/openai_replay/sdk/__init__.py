"""The classes of openai-python, and how each dumps a JSON object."""
