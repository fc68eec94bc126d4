"""Physics only: one file per station kind, SI inside, no instruments, no protocol."""
