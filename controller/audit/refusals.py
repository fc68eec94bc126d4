"""Whether an error is in the trail already: whoever recorded it says so, others do not again."""

from controller.core.errors import DrylineError

_NOTE = "recorded in the audit trail"


def mark_recorded(error: DrylineError) -> None:
    """The refusal that this error is has its record."""
    error.add_note(_NOTE)


def is_recorded(error: DrylineError) -> bool:
    """Somebody has recorded it."""
    return _NOTE in getattr(error, "__notes__", ())
