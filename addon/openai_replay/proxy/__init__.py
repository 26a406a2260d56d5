"""Everything that imports mitmproxy: the addon, its hooks, `serve`, and workers."""
