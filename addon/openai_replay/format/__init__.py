"""The recording file: its members, its JSON text, its number ranges."""
