"""Answer requests from recordings, without knowing which server they come through."""
