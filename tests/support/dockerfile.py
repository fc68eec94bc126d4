"""Reads a Dockerfile as far as it can be judged without building it."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

INSTRUCTIONS = frozenset(
    ("ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN",
     "STOPSIGNAL", "USER", "VOLUME", "WORKDIR")
)  # fmt: skip
_ENV = re.compile(r'[A-Za-z_]\w*=("[^"]*"|\S+)')


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, continuation lines joined."""

    line: int
    name: str
    text: str


def parse(text: str) -> list[Instruction]:
    """All instructions; ValueError for one that Docker would not know or that never ends."""
    out: list[Instruction] = []
    waiting, begun = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("#") or (not line and not waiting):
            continue
        begun = begun or number
        waiting += (" " if waiting else "") + line.removesuffix("\\").strip()
        if line.endswith("\\"):
            continue
        name, _, rest = waiting.partition(" ")
        if name not in INSTRUCTIONS:
            raise ValueError(f"line {begun}: unknown instruction {name!r}")
        if not rest:
            raise ValueError(f"line {begun}: {name} without anything")
        out.append(Instruction(begun, name, rest.strip()))
        waiting, begun = "", 0
    if waiting:
        raise ValueError(f"line {begun}: the file ends inside an instruction")
    return out


def problems(text: str, context: Path, ignored: list[str]) -> list[str]:
    """What is wrong with a Dockerfile of a build context. ignored: lines of .dockerignore."""
    steps = parse(text)
    found = [] if steps[0].name in ("FROM", "ARG") else ["must begin with FROM"]
    for step in steps:
        found += [f"line {step.line}: {p}" for p in _problems(step, context, ignored)]
    users = [s for s in steps if s.name == "USER"]
    if not users or users[-1].text.split(":")[0] in ("root", "0"):
        found.append("runs as root")
    for wanted in ("CMD", "HEALTHCHECK"):
        if sum(s.name == wanted for s in steps) != 1:
            found.append(f"must have one {wanted}")
    return found


def _problems(step: Instruction, context: Path, ignored: list[str]) -> list[str]:
    match step.name:
        case "FROM":
            pinned = re.fullmatch(r"[\w./-]+:[\w.-]+( AS \w+)?", step.text)
            return [] if pinned and ":latest" not in step.text else ["base image without a tag"]
        case "CMD" | "ENTRYPOINT" | "VOLUME":
            return [] if words(step.text) else [f"{step.name} must be a JSON list of texts"]
        case "HEALTHCHECK":
            command = re.fullmatch(r"(--[\w-]+=\S+ )*CMD (\[.*\])", step.text)
            return [] if command and words(command[2]) else ["HEALTHCHECK needs CMD and a list"]
        case "ENV":
            rest = _ENV.sub("", step.text).strip()
            return [f"ENV must be KEY=VALUE: {rest}"] if rest else []
        case "COPY":
            return _copy_problems(step.text, context, ignored)
        case _:
            return []


def _copy_problems(text: str, context: Path, ignored: list[str]) -> list[str]:
    *sources, _ = [w for w in text.split() if not w.startswith("--")]
    out = [] if sources else ["COPY needs a source and a target"]
    for source in sources:
        if not (context / source).exists() or source.startswith(("/", "..")):
            out.append(f"COPY {source}: not in the build context")
        elif "*" in ignored and f"!{source.removesuffix('/')}" not in ignored:
            out.append(f"COPY {source}: kept out by .dockerignore")
    return out


def words(text: str) -> list[str]:
    """The words of a JSON list of texts; empty if it is not one."""
    try:
        value = json.loads(text)
    except ValueError:
        return []
    good = isinstance(value, list) and all(isinstance(w, str) for w in value)
    return value if good else []
