"""Why a question is not answered, in words for people and in fields for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from controller.core.errors import DrylineError
from controller.explain import dotted, findings

ALLOWED = "; allowed: "
MAX_VALUE = 200  # characters of a value that are repeated


@dataclass(frozen=True, slots=True, kw_only=True)
class AskProblem:
    """One thing that is wrong with a question.

    what: in words; field, value: of the question, "" where it is none of them; allowed: what would
    be right; do: what to do about it.
    """

    what: str
    field: str = ""
    value: str = ""
    allowed: str = ""
    do: str = ""

    def __str__(self) -> str:
        place = f"{self.field} = {self.value}: " if self.field and self.value else ""
        place = place or (f"{self.field}: " if self.field else "")
        rest = [f"allowed: {self.allowed}"] if self.allowed else []
        rest += [self.do] if self.do else []
        return "; ".join([place + self.what, *rest])


class AskError(DrylineError):
    """A question that cannot be answered as it is, with everything that is wrong with it."""

    title = "The question is not understood."

    def __init__(self, problems: Sequence[AskProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UnknownName(AskError):
    """A question about something that is not there: a tag, a source, a path."""

    title = "There is no such thing."


AnyAsk = TypeVar("AnyAsk", bound=BaseModel)


def understood(model: type[AnyAsk], given: Mapping[str, object]) -> AnyAsk:
    """The question that was given field by field; AskError with everything that is wrong."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise ask_error(error, model) from None


def ask_error(error: ValidationError, model: type[BaseModel]) -> AskError:
    """All findings of pydantic at once."""
    found = []
    for finding in findings(error, model):
        what, _, allowed = finding.message.partition(ALLOWED)
        field = dotted(finding.path) if finding.path else ""
        value = finding.value[:MAX_VALUE] if finding.path else ""
        found.append(AskProblem(what=what, field=field, value=value, allowed=allowed))
    return AskError(found)
