"""What the end-to-end tests share: a real mitmdump, and real programs in an environment without settings."""
