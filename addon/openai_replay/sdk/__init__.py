"""The classes of openai-python, and what each makes of a JSON object."""
