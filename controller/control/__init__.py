"""Blocks that a station scans: pure, one idea per file."""
