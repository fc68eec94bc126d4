"""Questions about history, and their answers: the one way in for screens, reports and scripts.

`asks` are the questions as they come from outside, `service` answers them, from Python or as
bytes ready for HTTP (`door`). `sources` opens what they are asked of: the local stores (`local`)
or a server that a sink has filled (`influx`). `local_time` and `calendar_edges` know time zones.
"""
