"""Dryline's controller: one process that scans the stations of a line.

The ten nouns (Line, Station, Tag, Sample, TagTable, Driver, Block, Recipe, Historian, Command)
are explained in docs/explanation/architecture.md. `core` and `control` and `stations` are pure:
they are told the time and never wait. Everything that waits lives in the files beside this one.
"""
