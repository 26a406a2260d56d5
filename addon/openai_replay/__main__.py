"""`python -m openai_replay`, for where the script of that name is not on PATH."""

from .launch.program import main

main()
