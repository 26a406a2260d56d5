"""Every replaced internal of mitmproxy. Each costs speed, never function, where mitmproxy differs."""
