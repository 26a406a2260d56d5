"""Small real programs, one for each client of the OpenAI API that the tests replay to."""
