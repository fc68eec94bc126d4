"""One file per station kind: its internal tags, its blocks and its procedure."""
