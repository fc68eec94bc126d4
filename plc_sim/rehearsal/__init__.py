"""Rehearsal: a recipe on the simulated plant before it is deployed.

The real code of the station runs in lockstep with physics, instruments and PLC program, from START
to COMPLETED; out come a verdict with its reasons, figures and a trajectory. Equal cases give equal
results, bit for bit.
"""
