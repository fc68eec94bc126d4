"""Backups of a line: one sealed file with all that an empty machine needs, and the way back.

`sources` says what belongs to it, `copies` takes every store at one moment while the line runs,
`content` hashes what a store says whatever its pages look like, `manifest` lists it all, `archive`
is the file. `making` and `restoring` put them to work; `inspecting` looks for damage in place.
"""
