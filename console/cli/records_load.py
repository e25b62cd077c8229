"""`lakewarden records load`: patients from files of one JSON object a line, all of a file or none of it."""

from __future__ import annotations

import io
import sys
from argparse import Namespace
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from console.actions.patients import Patients
from console.cli.exits import Exit, UsageError
from console.cli.output import print_json, safe, say
from console.cli.progress import stoppable
from console.cli.session import security_of
from console.settings import Settings
from console.wiring import security_actions
from security.errors import RecordRefused
from security.records.loading import MOST_BYTES, FileRefused, Loaded

FROM_STDIN = "-"
PROJECTION = "the research projection is as of before; `lakewarden research rebuild` brings it up to date"
PRACTICE = "this is a practice workspace, whose passwords anybody is shown: load no real patients"


def load(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Load each file as a whole, as the service: whoever can start the program owns the workspace's files anyway.

    A file that is refused does not keep the next from being loaded. Raises UsageError for one that cannot be opened,
    before any is loaded; SecurityError, OSError.
    """
    with ExitStack() as opened:
        files = [(name, _opened(name, opened)) for name in _named(arguments.files)]
        if settings.practice:
            say(PRACTICE)
        actions = security_actions.patients(security_of(arguments, settings, environ))
        reports = [(name, _load_one(actions, name, file, told=not arguments.json)) for name, file in files]
    if arguments.json:
        print_json({"files": [_document(name, report) for name, report in reports]})
    loaded = [report for _, report in reports if isinstance(report, Loaded)]
    if any(report.new for report in loaded):
        say(PROJECTION)
    if len(loaded) == len(reports):
        return Exit.DONE
    return Exit.PARTLY if loaded else Exit.DATA


def _named(names: list[str]) -> list[str]:
    if names.count(FROM_STDIN) > 1:
        raise UsageError("expected standard input once, found `-` twice")
    return names


def _opened(name: str, opened: ExitStack) -> BinaryIO:
    """The file, such that it can be read twice: what cannot, such as a pipe, is read into memory, never to a disk."""
    try:
        if name == FROM_STDIN and sys.stdin.isatty():
            say("expecting patients on standard input, one JSON object a line, ended with Ctrl-D")
        file: BinaryIO = sys.stdin.buffer
        if name != FROM_STDIN:
            file = opened.enter_context(Path(name).open("rb"))  # noqa: SIM115 – the caller's stack closes it
        if file.seekable():
            return file
        # One byte more than there may be is refused as too many, wherever they came from.
        return io.BytesIO(file.read(MOST_BYTES + 1))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no path"
        raise UsageError(f"expected a file of patients, found {name!r}: {reason}") from error


def _load_one(actions: Patients, name: str, file: BinaryIO, *, told: bool) -> Loaded | RecordRefused:
    try:
        report = stoppable(lambda stop: actions.load(file, stop=stop.is_set))
    except RecordRefused as error:
        _say_refused(name, error)
        return error
    if told:
        print(safe(f"{name}: {report.new:,} loaded, {report.already_there:,} already there"), flush=True)
    return report


def _say_refused(name: str, error: RecordRefused) -> None:
    if not isinstance(error, FileRefused):
        say(f"{name}: {error}")
        return
    for fault in error.faults:
        say(f"{name}:{fault.line}: {fault.message}")
    rest = "; the rest was not looked at" if error.stopped else ""
    say(f"{name}: nothing was stored: {len(error.faults):,} faulty line{'s' * (len(error.faults) != 1)}{rest}")


def _document(name: str, report: Loaded | RecordRefused) -> dict[str, Any]:
    if isinstance(report, Loaded):
        return {"file": name, "loaded": report.new, "already_there": report.already_there, "error": None, "faults": []}
    faults = report.faults if isinstance(report, FileRefused) else ()
    return {
        "file": name,
        "loaded": 0,
        "already_there": 0,
        "error": f"{len(faults)} faulty line{'' if len(faults) == 1 else 's'}" if faults else str(report),
        "faults": [{"line": one.line, "field": one.field, "message": one.message} for one in faults],
    }
