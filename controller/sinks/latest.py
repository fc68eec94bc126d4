"""Of samples of one tag with the same time, the one written last counts."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from controller.core.sample import Samples
from controller.history.exception_filter import concatenate


def latest_only(samples: Samples, later: Sequence[Samples] = ()) -> Samples:
    """The samples, in their order, that no other replaces: of theirs or of those written later.

    A server keeps of a point the version that came last, and rows do not always come in the order
    in which they were written.
    """
    n = len(samples)
    everything = concatenate([samples, *later])
    order = np.lexsort((everything.time_ns, everything.tags))
    tags, time_ns = everything.tags[order], everything.time_ns[order]
    last = np.append((tags[1:] != tags[:-1]) | (time_ns[1:] != time_ns[:-1]), True)
    if not later and last.all():
        return samples
    kept: NDArray[np.intp] = np.sort(order[last])
    kept = kept[kept < n]
    if len(kept) == n:
        return samples
    return Samples(
        samples.tags[kept], samples.values[kept], samples.quality[kept], samples.time_ns[kept]
    )
