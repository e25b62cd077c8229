"""Makes the standard streams usable: open, so that no other file takes their place, and able to show any text."""

from __future__ import annotations

import io
import os
import sys

_MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}


def mend_standard_streams() -> None:
    """Let a stream that was closed (`>&-`) lead nowhere, and one of a narrow encoding escape what it cannot show."""
    for number, (name, mode) in enumerate(_MODES.items()):
        try:
            os.fstat(number)
        except OSError:
            # Lower numbers are open by now, so the system gives exactly this one.
            os.open(os.devnull, os.O_RDWR)
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 – it stays open
        elif isinstance(stream, io.TextIOWrapper) and mode == "w":
            stream.reconfigure(errors="backslashreplace")  # a city's name must not end a run in a C locale


def drop_output() -> None:
    """What stdout still holds goes nowhere, so that the end of the process neither waits nor complains."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
