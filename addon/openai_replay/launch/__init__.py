"""A person's side: command line, environment variables, child processes, pytest plugin."""
