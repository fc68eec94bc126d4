"""The alarm tables: one file per station kind, named like it; every row with its response."""
