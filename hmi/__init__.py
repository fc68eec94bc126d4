"""The operator screens: a process of its own (not built yet; see docs/explanation)."""
