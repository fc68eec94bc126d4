"""Local history: a durable store of samples and events in one SQLite file.

`codec`, `rollup` and `ten_seconds` turn columns into bytes and back, `rows` checksums them,
`schema` is the file, `seal` plans chunks, `thinning` makes them coarser when they are old,
`retention` says when, `store` writes. `query` reads, from `chunks` and, where these are of several
levels, through `mixed`; `journal` spares it decoding twice; `aggregates`, `holding` and `bucketing`
say what buckets are. `exception_filter` decides what is worth storing, `backlog` bounds what waits
for the disk. `controller.historian` puts them to work.
"""

from controller.history.query import Reader
from controller.history.results import Buckets, Series, StoredTag
from controller.history.store import Store

__all__ = ["Buckets", "Reader", "Series", "Store", "StoredTag"]
