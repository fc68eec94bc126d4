"""Sinks: targets of the history outside, fed from the local store, each at its own pace.

`line_protocol` writes points, `layout` says what a point of Dryline looks like. `feed` of the
history is read by `sources`, `lane` delivers what they give, `answers` says what an answer of a
server means, `ledger` remembers durably how far everything got. `forwarder` puts a sink together,
`process` runs all sinks of a controller in a process of their own, `watch` is the controller's
side of it. `influx` is the wire to InfluxDB, `sparkplug` and its parts that to an MQTT broker.
"""
