"""Every exception Dryline raises on purpose.

DrylineError
|-- ConfigError        a file is wrong: names file, line, field, value and what is allowed
|-- StoreError         the local history cannot be opened, read or written
|-- DriverError        the link to a device
|   |-- LinkLost       no connection or no answer in time: the supervisor connects again
|   |   `-- NotTrusted  the device does not prove to be the accepted one: a person must look
|   |-- ProtocolFault  the device broke the rules of the protocol or of the map
|   `-- WriteFailed    a write was refused or not confirmed: it is never repeated later
|-- Refused            a command that may not run now: carries the reasons
`-- StationFault       one station's scan failed: that station alone is faulted
"""

from collections.abc import Sequence
from dataclasses import dataclass


class DrylineError(Exception):
    """Root of the tree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake in one file, told so that the reader can mend it without looking anything up."""

    file: str
    line: int | None
    field: str
    value: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line is not None else self.file
        shown = f" = {self.value}" if self.value else ""
        return f"{place}: {self.field}{shown}: {self.message}"


class ConfigError(DrylineError):
    """One or more files are wrong. Raised with all problems at once, before anything starts."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(p) for p in self.problems))


class StoreError(DrylineError):
    """The local history store refused: says which file and what to do."""


class DriverError(DrylineError):
    """Something between a driver and its device."""


class LinkLost(DriverError):
    """No connection, or no answer before the deadline."""


class NotTrusted(LinkLost):
    """The device does not prove to be the one a person has accepted; the text says what to do."""

    def __init__(self, text: str, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        super().__init__(text)


class ProtocolFault(DriverError):
    """The device answered, but not as the protocol or the agreed map demands."""


class WriteFailed(DriverError):
    """A write was refused by the device or could not be confirmed by reading it back."""


class Refused(DrylineError):
    """A command that may not run now. `reasons` lists every unmet condition with its live value."""

    def __init__(self, code: str, reasons: Sequence[str]) -> None:
        self.code = code
        self.reasons = tuple(reasons)
        super().__init__(f"{code}: " + "; ".join(self.reasons))


class StationFault(DrylineError):
    """An exception inside one station's scan."""
