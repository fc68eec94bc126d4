"""Who is who on the wires: our own certificate, and those of PLCs that a person has accepted."""
