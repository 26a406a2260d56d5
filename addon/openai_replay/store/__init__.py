"""The recordings on disk: files, names and the index of identities."""
