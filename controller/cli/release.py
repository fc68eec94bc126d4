"""Commands that change what a recipe may be used for: `dryline recipe release|obsolete|verify`.

Where the line has users a release is signed by one of them, with his password; where it has none
it is recorded under the name that was given, and marked as unsigned.
"""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from controller.access.ledger_check import Checked, LedgerCheck, check_ledgers
from controller.access.ledger_witness import LedgerWitness
from controller.access.run_check import CheckedRun, check_runs
from controller.audit.trail import TRAIL
from controller.cli import (
    EXIT_FAILED,
    SHIPPED_LINE,
    AsJson,
    LineFolder,
    RunFolder,
    errors,
    print_json,
)
from controller.cli.recipes import (
    RECIPES,
    Actor,
    Folder,
    KindName,
    Reason,
    Which,
    commands,
    say,
    store_of,
    tell_recipe_errors,
    told_entry,
)
from controller.cli.signing import PasswordFile, Signer, proof_of, users_of, witness_of
from controller.core.errors import DrylineError, Refused
from controller.core.recipe import RecipeId
from controller.recipe_ledger import Action, Entry
from controller.recipe_store import Rehearsal
from controller.run_store import STORE
from controller.runs.bundle_check import printable


@commands.command()
def release(  # noqa: PLR0913, PLR0917 - an argument for each option
    kind: KindName,
    recipe: Which,
    reason: Reason,
    approver: Actor = "",
    rehearsal: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Record of a passed rehearsal (JSON).")
    ] = None,
    override: Annotated[str, typer.Option(help="Why no rehearsal is asked for; recorded.")] = "",
    password_file: PasswordFile = None,
    run: RunFolder = Path("run"),
    recipes: Folder = RECIPES,
    line: LineFolder = SHIPPED_LINE,
) -> None:
    """Fix the content of a draft for good; another person than its author has to do it."""

    def work() -> Entry:
        store, _ = store_of(line, recipes)
        own = store.find(kind, recipe)
        users = users_of(run)
        signer = None
        if users:
            signer = Signer(run, line, proof_of(approver, users, password_file))
        who = signer.proof.name if signer else approver or getpass.getuser()
        proof = Rehearsal.read(rehearsal, who) if rehearsal else None
        with (
            witness_of(run, who, users, signer, _note) as witness,
            _put_down(witness, own, Action.RELEASE, reason),
        ):
            return store.release(own, who, reason, proof, override, witness)

    _tell(kind, recipe, tell_recipe_errors(work))


@commands.command()
def obsolete(
    kind: KindName,
    recipe: Which,
    reason: Reason,
    actor: Actor = "",
    run: RunFolder = Path("run"),
    recipes: Folder = RECIPES,
    line: LineFolder = SHIPPED_LINE,
) -> None:
    """Retire a released version: it stays readable and can no longer be deployed."""

    def work() -> Entry:
        store, _ = store_of(line, recipes)
        own, who = store.find(kind, recipe), actor or getpass.getuser()
        with (
            witness_of(run, who, users_of(run), None, _note) as witness,
            _put_down(witness, own, Action.OBSOLETE, reason),
        ):
            return store.obsolete(own, who, reason, witness)

    _tell(kind, recipe, tell_recipe_errors(work))


@contextmanager
def _put_down(
    witness: LedgerWitness | None, own: RecipeId, action: Action, reason: str
) -> Iterator[None]:
    """What is refused is recorded, too."""
    try:
        yield
    except Refused as error:
        if witness is not None:
            witness.refused(own, action, reason, error.code, error.reasons)
        raise


def _tell(kind: str, recipe: str, entry: Entry) -> None:
    name = recipe.partition("@")[0]
    say(printable(f"{kind}/{name}@{entry.version}: {told_entry(entry)}"))


@commands.command("verify")
def verify_(
    kind: Annotated[str, typer.Argument(help="Only this kind.")] = "",
    name: Annotated[str, typer.Argument(help="Only this recipe.")] = "",
    run: RunFolder = Path("run"),
    recipes: Folder = RECIPES,
    line: LineFolder = SHIPPED_LINE,
    json: AsJson = False,
) -> None:
    """Compare every release, every signature, and those that runs keep of their deployments, with
    the audit trail; exit code 1 for a forgery."""

    def work() -> LedgerCheck:
        store, _ = store_of(line, recipes)
        trail = run / TRAIL
        if not trail.exists():
            raise DrylineError(f"{trail}: there is no audit trail here; name its folder with --run")
        return check_ledgers(store, trail, kind, name.partition("@")[0])

    found = tell_recipe_errors(work)
    runs = tell_recipe_errors(lambda: _runs(run, kind, name.partition("@")[0]))
    sound = found.sound and not any(checked.against for checked in runs)
    if json:
        rows = [_row(checked) for checked in found.entries]
        print_json({"sound": sound, "entries": rows, "missing": found.missing,
                    "runs": [_run_row(checked) for checked in runs]})  # fmt: skip
    else:
        _print(found)
        _print_runs(runs)
    if not sound:
        raise typer.Exit(EXIT_FAILED)


def _runs(run: Path, kind: str, name: str) -> list[CheckedRun]:
    """Of the recipes that are asked for; none where there was no run yet."""
    if not (run / STORE).is_file():
        return []
    return [
        checked
        for checked in check_runs(run / STORE, run / TRAIL)
        if (not kind or checked.head.kind == kind)
        and (not name or checked.head.recipe.partition("@")[0] == f"{kind}/{name}")
    ]


def _run_row(checked: CheckedRun) -> dict[str, Any]:
    return {"run": checked.head.id, "recipe": checked.head.recipe, "signer": checked.signer,
            "against": list(checked.against)}  # fmt: skip


def _print_runs(runs: list[CheckedRun]) -> None:
    signed = sum(bool(checked.signer) for checked in runs)
    if runs:
        say(f"{len(runs)} runs of recipes, {signed} of a signed deployment")
    for checked in runs:
        for why in checked.against:
            _wrong(f"run {checked.head.id}, {checked.head.recipe}: {why}")


def _row(checked: Checked) -> dict[str, Any]:
    return {
        "recipe": str(checked.recipe), "entry": checked.entry.model_dump(mode="json"),
        "against": list(checked.against), "notes": list(checked.notes),
    }  # fmt: skip


def _print(found: LedgerCheck) -> None:
    for checked in found.entries:
        verdict = "; ".join(checked.notes) or "as the audit trail knows it"
        if not checked.against:
            say(printable(f"{checked.recipe}: {told_entry(checked.entry)}: {verdict}"))
        for why in checked.against:
            _wrong(f"{checked.recipe}: {told_entry(checked.entry)}: {why}")
    for why in found.missing:
        _wrong(why)
    if not found.entries and found.sound:
        say("nothing was released yet")


def _wrong(text: str) -> None:
    errors.print(printable(text), style="red", markup=False, highlight=False, soft_wrap=True)


def _note(text: str) -> None:
    errors.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)


def add_to(_: typer.Typer) -> None:
    """Its commands are among those of `recipes`, which registers the group."""
