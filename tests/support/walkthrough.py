"""A document that is carried out: the commands of its console blocks, in order, as they stand.

`$ ` begins a command (`> ` goes on with it), the lines below are what it prints; `...` stands for
any number of lines, or at the end of a line for its rest. A command that fails must be followed by
`$ echo $?`. `$ dryline up` has a terminal of its own, in which `^C` is pressed later.

What differs from day to day (ids of runs, times, sums) is compared by its shape. Where numbers were
measured, `<!-- numbers within 20 % -->` stands above the block.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

FOREGROUND = "dryline up"
CTRL_C = "^C"
ANY = "..."
UP_S = 90.0
END_S = 60.0
_MARK = "end of the command, exit code"
_BLOCK = re.compile(
    r"(?:<!-- numbers within (?P<percent>\d+) % -->\n)?^```console\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_SHAPES = (
    (re.compile(r"\b((?:trial-)?(?:enclosure|coater|calender))-\d{8}-\d{6}"), r"\1-<time>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z?"), "<time>"),
    (re.compile(r"[+-]?\d+:\d\d:\d\d(?:\.\d)?"), "<duration>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<sum>"),
    (re.compile(r"\b\d+\.\d (min|s)\b"), r"<figure> \1"),
    (re.compile(r"\b\d+ (bytes|files)\b"), r"<figure> \1"),
    (re.compile(r"\(sd [\d.]+\)"), "(sd <figure>)"),
    (re.compile(r"\b\d+\.\d\d h\b"), "<figure> h"),
)
_RULER = re.compile(r"[\s─━┏┓┗┛┡┩┠┨┯┷┳┻╇└┴┘├┤]*")
_BARS = re.compile(r"[┃│]")


class Differs(AssertionError):
    """The document says something else than what happened."""


@dataclass(frozen=True, slots=True)
class Step:
    """A command with what the document says it prints. line: of the document.

    within: share by which a number may differ from that in the document.
    """

    line: int
    command: str
    expected: tuple[str, ...] = ()
    within: float = 0.0


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was carried out. folder: the working folder."""

    step: Step
    output: tuple[str, ...]
    code: int
    folder: Path


def steps(text: str) -> list[Step]:
    """The steps of a document; ValueError where a block begins with output."""
    return [step for block in _BLOCK.finditer(text) for step in _steps(text, block)]


def _steps(text: str, block: re.Match[str]) -> Iterator[Step]:
    first = text.count("\n", 0, block.start("text")) + 1
    within = float(block["percent"] or 0.0) / 100.0
    found: list[tuple[int, list[str], list[str]]] = []
    for number, line in enumerate(block["text"].splitlines(), first):
        if line.startswith("$ ") or line == CTRL_C:
            found.append((number, [line.removeprefix("$ ")], []))
        elif not found:
            raise ValueError(f"line {number}: a console block begins with a command")
        elif line.startswith("> ") and found[-1][1][-1].endswith("\\"):
            found[-1][1].append(line.removeprefix("> "))
        else:
            found[-1][2].append(line)
    for number, command, expected in found:
        yield Step(number, "\n".join(command), tuple(expected), within)


def differs(step: Step, output: Sequence[str]) -> str:
    """What is wrong with the output of a step; "" when it is what the document says."""
    actual = [line for line in map(_plain, output) if line]
    rest, loose = actual, False
    for expected in filter(None, map(_plain, step.expected)):
        if expected == ANY:
            loose = True
            continue
        places = range(len(rest)) if loose else range(min(1, len(rest)))
        k = next((k for k in places if _same(expected, rest[k], step.within)), None)
        if k is None:
            found = "" if loose or not rest else f", found {rest[0]!r}"
            return f"line missing: {expected!r}{found}"
        rest, loose = rest[k + 1 :], False
    return f"more than the document says: {rest[0]!r}" if rest and not loose else ""


def _plain(line: str) -> str:
    """A line without what differs from day to day, and without what only draws a table."""
    if _RULER.fullmatch(line):
        return ""
    line = _BARS.sub(" ", line)
    for pattern, shape in _SHAPES:
        line = pattern.sub(shape, line)
    return " ".join(line.split())


def _same(expected: str, actual: str, within: float) -> bool:
    ours, theirs = expected.split(), actual.split()
    if ours and ours[-1] == ANY:
        ours.pop()
        theirs = theirs[: len(ours)]
    return len(ours) == len(theirs) and all(
        a == b or (within > 0.0 and _close(a, b, within)) for a, b in zip(ours, theirs, strict=True)
    )


def _close(expected: str, actual: str, within: float) -> bool:
    try:
        a, b = (float(x.strip("(),;:")) for x in (expected, actual))
    except ValueError:
        return False
    return abs(a - b) <= within * abs(a)


@dataclass(slots=True)
class Walkthrough:
    """Use as a context; leaving it ends every process that the document has started.

    folder: where the commands run. before: folders in front of PATH. environment: on top of that
    of this process.
    """

    folder: Path
    before: Sequence[Path] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    transcript: list[str] = field(default_factory=list)
    _shell: subprocess.Popen[str] | None = None
    _up: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=self.folder, env=self._env(), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in (self._shell, self._up):
            if process is None:
                continue
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(END_S)
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()

    def carry_out(self, text: str, look: Callable[[Done], None] = lambda done: None) -> None:
        """Every step of a document; Differs says where it is wrong. look: is shown each step."""
        wanted = steps(text)
        for step, after in zip(wanted, [*wanted[1:], None], strict=True):
            done = self._do(step)
            self.transcript += [f"$ {step.command}", *done.output]
            wrong = differs(step, done.output)
            told = after is not None and after.command == "echo $?"
            if not wrong and done.code and not told:
                wrong = f"exit code {done.code}, which the document does not show"
            if wrong:
                shown = "\n".join(done.output)
                raise Differs(f"line {step.line}: $ {step.command}\n{wrong}\n--- output\n{shown}")
            look(done)

    def _do(self, step: Step) -> Done:
        if step.command == CTRL_C:
            return Done(step, (), self._press_ctrl_c(), self.folder)
        if step.command.startswith(FOREGROUND):
            return Done(step, self._start(step), 0, self.folder)
        output, code = self._run(step.command)
        return Done(step, output, code, self.folder)

    def _run(self, command: str) -> tuple[tuple[str, ...], int]:
        """One command in the shell that all have in common."""
        shell = self._shell
        assert shell is not None
        assert shell.stdin is not None
        assert shell.stdout is not None
        end = f"code=$?; printf '\\n{_MARK} %s\\n' $code; (exit $code)"
        shell.stdin.write(f"{command}\n{end}\n")
        shell.stdin.flush()
        output: list[str] = []
        for line in shell.stdout:
            if line.startswith(_MARK):
                return tuple(output), int(line.removeprefix(_MARK))
            output.append(line.rstrip("\n"))
        raise Differs(f"$ {command}\nthe shell has ended")

    def _start(self, step: Step) -> tuple[str, ...]:
        """The line, in a terminal of its own; returns as soon as what it shall print is there."""
        log = self.folder / "up.log"
        with log.open("wb") as file:
            self._up = subprocess.Popen(
                ["bash", "-c", f"exec {step.command}"], cwd=self.folder, env=self._env(),
                stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + UP_S
        while time.monotonic() < deadline and self._up.poll() is None:
            output = tuple(log.read_text(encoding="utf-8").splitlines())
            if not differs(step, output):
                return output
            time.sleep(0.1)
        return tuple(log.read_text(encoding="utf-8").splitlines())

    def _press_ctrl_c(self) -> int:
        """As a terminal does it: the signal goes to all processes in front of it."""
        assert self._up is not None
        os.killpg(self._up.pid, signal.SIGINT)
        return self._up.wait(END_S)

    def _env(self) -> dict[str, str]:
        path = os.pathsep.join([*map(str, self.before), os.environ.get("PATH", "")])
        return {**os.environ, "PATH": path, "COLUMNS": "80", **self.environment}


def install_dryline(folder: Path, line: Path) -> Path:
    """A folder with the `dryline` command of this project, whose shipped line is another one."""
    folder.mkdir(parents=True)
    script = folder / "dryline.py"
    script.write_text(
        "from pathlib import Path\n\nimport controller.cli\n\n"
        f"controller.cli.SHIPPED_LINE = Path({str(line)!r})\n"
        "from controller.__main__ import main\n\nmain()\n",
        encoding="utf-8",
    )
    command = folder / "dryline"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    return folder
