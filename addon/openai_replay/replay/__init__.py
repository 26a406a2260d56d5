"""Recording to answer, or an explained miss."""
