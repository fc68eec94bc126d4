"""What requests may contain: strict, bounded, and nothing that is not known."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from controller.access.roles import Permission, Role
from controller.core.event import Verb

MAX_TEXT = 2_000
MAX_SECRET = 512


def _no_controls(text: str) -> str:
    if any(not c.isprintable() and c != "\n" for c in text):
        raise ValueError("must not contain control characters")
    return text


Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_no_controls)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_no_controls)]
Hidden = Annotated[str, Field(max_length=MAX_SECRET, json_schema_extra={"format": "password"})]
Moment = Annotated[int, Field(ge=0, lt=2**53, description="server time `t` of a frame, ms")]
Version = Annotated[int, Field(ge=0, lt=2**53)]
Number = Annotated[int, Field(ge=0, lt=2**31)]


class Body(BaseModel):
    """Every body. Numbers are numbers; infinite ones are not taken."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class Login(Body):
    """Who one is, and what proves it. code: of the second factor, where there is one."""

    name: Annotated[str, Field(max_length=200)]
    password: Hidden
    code: Hidden = ""


class Again(Body):
    """The password again. purpose, subject: what it is entered for, as the proposal says."""

    password: Hidden
    code: Hidden = ""
    purpose: Annotated[str, Field(max_length=40)] = ""
    subject: Annotated[str, Field(max_length=500)] = ""


class FirstAdministrator(Body):
    """The code that the terminal shows, and who shall be the first administrator."""

    code: Hidden
    name: Annotated[str, Field(max_length=200)]
    password: Hidden
    display: Text = ""


class ResetPassword(Body):
    """Whose password is lost, the code of an administrator, and the new password. factor: code of
    the second factor, where there is one."""

    name: Annotated[str, Field(max_length=200)]
    code: Hidden
    password: Hidden
    factor: Hidden = ""


class OwnPassword(Body):
    """The old and the new one."""

    old: Hidden
    new: Hidden


class FactorCode(Body):
    """A code that the telephone shows."""

    code: Hidden


class NewUser(Body):
    """A person. display: the name that screens show."""

    name: Annotated[str, Field(max_length=200)]
    roles: Annotated[list[Annotated[Role, Field(strict=False)]], Field(max_length=10)]
    password: Hidden
    display: Text = ""
    reason: Text


class UserRoles(Body):
    """All roles that somebody shall have."""

    roles: Annotated[list[Annotated[Role, Field(strict=False)]], Field(max_length=10)]
    reason: Text


class NewPassword(Body):
    """A password that somebody else chose."""

    password: Hidden
    reason: Text


class Why(Body):
    """Only the reason."""

    reason: Text


class NewToken(Body):
    """A token for a script. stations: only these; address: good from there only."""

    owner: Annotated[str, Field(max_length=200)]
    label: Annotated[str, Field(max_length=40)]
    permissions: Annotated[list[Annotated[Permission, Field(strict=False)]], Field(max_length=20)]
    stations: Annotated[list[Name], Field(max_length=100)] | None = None
    address: Annotated[str, Field(max_length=60)] = ""
    days: Annotated[int, Field(ge=1, le=366)] = 90
    reason: Text


class StationChange(Body):
    """A command for a station. target: a tag for SET, a loop for MODE and TUNE, in or out for LOT;
    value: as the target takes it, for TUNE "kc,ti_s,td_s"; version: of the target as it was seen,
    in place of the header If-Match."""

    verb: Annotated[Verb, Field(strict=False)]
    target: Annotated[str, Field(max_length=200), AfterValidator(_no_controls)] = ""
    value: float | Annotated[str, Field(max_length=200), AfterValidator(_no_controls)] | None = None
    reason: Text = ""
    version: Version | None = None


class Execute(Body):
    """seen_t: `t` of the newest frame that was seen; ticket: of session/reauth, where the proposal
    asks for a password; password, code: in its place at the terminal, which has no session."""

    seen_t: Moment
    ticket: Hidden = ""
    password: Hidden = ""
    code: Hidden = ""


class Deploy(Body):
    """recipe: NAME@VERSION, NAME for its newest, or built-in; expected: number of the deployment
    that was seen as the requested one, 0 for none; because: the run whose result led to it."""

    recipe: Name
    expected: Number
    reason: Text
    because: Annotated[str, Field(max_length=200)] = ""


class Rollback(Body):
    """As a deployment, of what was deployed before."""

    expected: Number
    reason: Text
    because: Annotated[str, Field(max_length=200)] = ""


class TrialStart(Body):
    """A trial: exactly one of minutes and metres is its window, from the first EXECUTE on."""

    recipe: Name
    question: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_no_controls)]
    minutes: float | None = None
    metres: float | None = None
    expected: Number


class RehearsalRecord(Body):
    """What `dryline rehearse` wrote into its record, somewhere else."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    passed: bool
    content_hash: Annotated[str, Field(max_length=64)]
    summary: Text


class Release(Body):
    """content_hash: of what was looked at; rehearsed: id of a rehearsal that was made here;
    rehearsal: in its place the record of one that was made elsewhere, which the ledger says;
    override: why no rehearsal is asked for."""

    content_hash: Annotated[str, Field(max_length=64)]
    reason: Text
    ticket: Hidden = ""
    rehearsed: Annotated[str, Field(max_length=40, pattern="^[A-Za-z0-9_-]*$")] = ""
    rehearsal: RehearsalRecord | None = None
    override: Text = ""


class Derive(Body):
    """A draft made from a version. values: parameter -> its new value, as in the file."""

    base: Name
    version: Annotated[str, Field(max_length=30)]
    reason: Text
    values: Annotated[
        dict[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=100)]],
        Field(max_length=200),
    ] = {}


class Acknowledge(Body):
    """occurrence: which coming of the alarm was seen."""

    occurrence: Annotated[int, Field(ge=0, lt=2**53)]
    reason: Text = ""


class Shelve(Body):
    """for_s: seconds; one_shot: or until it has gone once."""

    for_s: Annotated[float, Field(gt=0, le=8 * 3600)]
    one_shot: bool = False
    reason: Text


class Remark(Body):
    """A remark, if there is one."""

    reason: Text = ""


class Bypass(Body):
    """An interlock of the controller put out of force for a time. Those of the PLC stay."""

    for_s: Annotated[float, Field(gt=0, le=8 * 3600)]
    reason: Text


class EnergyBaseline(Body):
    """The dry room to compare with. kw: its mean power; uncertainty_pct: of that, either way;
    method: where the number comes from; limit_degc: only time with a frost point no higher counts;
    expected: version that was seen."""

    kw: Annotated[float, Field(gt=0.0, le=100_000.0)]
    uncertainty_pct: Annotated[float, Field(ge=0.0, lt=100.0)]
    method: Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(_no_controls)]
    limit_degc: Annotated[float, Field(ge=-110.0, le=20.0)] = -60.0
    expected: Number
    reason: Text


class Fault(Body):
    """A fault of the simulated plant. after_s, for_s: plant seconds; without for_s until it is
    cleared; level: its strength, by default that of the table."""

    station: Name
    name: Name
    after_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    for_s: Annotated[float, Field(gt=0, le=7 * 86_400)] | None = None
    level: Annotated[float, Field(ge=-1e6, le=1e6)] | None = None


class ClearFault(Body):
    """Which fault shall end."""

    station: Name
    name: Name


class PlcAction(Body):
    """What shall become of a simulated PLC; one that is killed comes back by itself."""

    station: Name
    action: Literal["pause", "resume", "kill", "stop", "start", "restart"]


GainsText = Annotated[
    str, Field(max_length=120, pattern=r"^([A-Z][A-Z0-9_.]*=[0-9.e+-]+(,[0-9.e+-]+){2})?$")
]


class Rehearse(Body):
    """As the options of `dryline rehearse`. recipe: NAME@VERSION, NAME for its newest, or built-in;
    against: a version to compare with; faults: names, separated by commas, each with
    @BEGIN+LASTS in minutes of production or without; tune: gains of a loop to look at, as
    ENC.L1=20,90,0; present: those to compare with; minutes: of production."""

    kind: Annotated[str, Field(min_length=1, max_length=40, pattern="^[a-z][a-z0-9_]*$")]
    recipe: Annotated[str, Field(min_length=1, max_length=120, pattern="^[A-Za-z0-9]")]
    against: Annotated[str, Field(max_length=120, pattern="^([A-Za-z0-9][A-Za-z0-9@._-]*)?$")] = ""
    faults: Annotated[str, Field(max_length=200, pattern="^[a-z0-9_, @+]*$")] = ""
    tune: GainsText = ""
    present: GainsText = ""
    seeds: Annotated[int, Field(ge=1, le=10)] = 1
    first_seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    minutes: Annotated[float, Field(ge=1.0, le=1_440.0)] = 60.0
    neighbours: Literal["ideal", "standing", "real"] = "ideal"


class StationAction(Body):
    """A command without a value."""

    verb: Annotated[Verb, Field(strict=False)]
    reason: Text = ""
