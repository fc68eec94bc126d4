"""The simulated pilot line: physics, instruments, PLC programs and protocol servers.

Physics (`models`) is SI inside and knows no instruments; instruments know no PLC; the PLC program
(`plc`, `logic`) sees only what instruments show; the servers expose only the PLC's tags. Plant
truth is never on the wire.
"""

from plc_sim import compiled

compiled.use()
