"""Time and trouble: the words of pacing and faults, as options and headers write them."""
