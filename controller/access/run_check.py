"""The signatures that runs keep of the deployments they follow, compared with the audit trail."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from controller.access.signature import Meaning, signature_of, verify_signature
from controller.audit.reading import kept
from controller.core.event import EventKind
from controller.core.run import RunHead
from controller.run_store import RunReader


@dataclass(frozen=True, slots=True)
class CheckedRun:
    """One run of a recipe. signer: "" when its deployment was not signed; against: what speaks
    against the signature."""

    head: RunHead
    signer: str
    against: tuple[str, ...]


def check_runs(store: Path, trail: Path) -> Iterator[CheckedRun]:
    """Every run of a recipe, newest first. Reads the record of each of them."""
    with RunReader(store) as reader:
        for head in reader.runs():
            if not head.content_hash:
                continue
            entries = reader.record(head.id).entries
            begun = next((e for e in entries if e.kind == EventKind.RUN.value), None)
            plain = begun.data.get("signature") if begun else None
            if plain is None:
                yield CheckedRun(head, "", ())
                continue
            yield _checked(head, plain if isinstance(plain, Mapping) else {}, trail)


def _checked(head: RunHead, plain: Mapping[str, object], trail: Path) -> CheckedRun:
    made = signature_of(plain)
    if made is None:
        return CheckedRun(head, "?", ("its signature cannot be read",))
    recipe, content = head.recipe, head.content_hash
    if made.brings_back(recipe, content):  # what came back after a trial was signed with it
        recipe, content = made.subject, made.content_hash
    found = verify_signature(made, content, kept(trail, made.number, made.record_hash))
    said = (made.meaning, made.subject, made.station)
    if said != (Meaning.DEPLOYED.value, recipe, head.station):
        found.append("the signature is of something else")
    return CheckedRun(head, made.signer, tuple(found))
