"""Whether the console can start here, asked before anything of it is imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

INSTEAD = "`lakewarden --run-once` works without"


def why_no_console(
    stdin: TextIO | None, stdout: TextIO | None, stderr: TextIO | None, environ: Mapping[str, str]
) -> str | None:
    """One line saying why the console cannot start and what to use instead, or None if it can.

    Keys come from stdin, the screen is drawn on stderr (as Textual does) and its size is asked of stdout, so all
    three have to be terminals. None stands for a stream that was closed before the start.
    """
    streams = {"standard input": stdin, "standard output": stdout, "standard error": stderr}
    others = [name for name, stream in streams.items() if not _is_terminal(stream)]
    if others:
        verb = "is" if len(others) == 1 else "are"
        return f"the console needs a terminal, but {_listed(others)} {verb} none; {INSTEAD}"
    term = environ.get("TERM", "")
    if term in ("", "dumb"):
        found = f"TERM is {term}" if term else "TERM is not set"
        return f"the console needs a terminal that can place the cursor, but {found}; {INSTEAD}"
    return None


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def _listed(names: list[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
