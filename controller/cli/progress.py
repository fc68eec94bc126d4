"""A bar on standard error for what takes long; nothing where nobody looks at it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from controller.cli import errors

WHOLE = 1.0


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        samples, passed_s = task.fields["samples"], task.elapsed
        rate = f", {samples / passed_s:,.0f}/s" if passed_s else ""
        return Text(f"{samples:,} samples{rate}")


@contextmanager
def progress(what: str) -> Iterator[Callable[[float, int], None]]:
    """A function that takes the share done, 0..1, and the samples so far."""
    columns = (TextColumn("{task.description}"), BarColumn(), _Rate(), TimeRemainingColumn())
    disable = not errors.is_terminal
    with Progress(*columns, console=errors, transient=True, disable=disable) as bar:
        row = bar.add_task(what, total=WHOLE, samples=0)

        def told(share: float, samples: int) -> None:
            bar.update(row, completed=share, samples=samples)

        yield told
