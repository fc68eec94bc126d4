"""The operator screens: files for browsers in static/, served by the API; see docs/explanation."""
