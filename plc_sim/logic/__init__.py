"""The PLC program of each station kind: internal loops, interlocks, mode sequence."""
