"""Runs: their quality in figures, their bundles, their comparison."""
