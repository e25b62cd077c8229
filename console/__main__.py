"""Chooses the front end: the console or the command line. Each is imported only if it is chosen."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys


def main() -> int:
    """The `lakewarden` command. Returns its exit code."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until a front end is there: Python's own shows a traceback
    gc.disable()  # importing makes much and drops nothing: a front end enables it when it is there
    argv = sys.argv[1:]
    if argv:
        from console.cli.main import run

        return run(argv, os.environ)
    return _console()


def _console() -> int:
    from console.cli.streams import mend_standard_streams
    from console.cli.terminal_check import why_no_console

    mend_standard_streams()
    refusal = why_no_console(sys.stdin, sys.stdout, sys.stderr, os.environ)
    if refusal is not None:
        sys.stderr.write(f"lakewarden: {refusal}\n")
        return 64
    from console.cli.workspace import prepare_console

    settings = prepare_console(os.environ)
    if isinstance(settings, int):
        return settings
    from console.tui.app import run_console

    gc.freeze()
    gc.enable()
    try:
        return run_console(settings, os.environ)
    except Exception as error:  # before or after the terminal was taken; while it is, the console sees to it itself
        logging.getLogger(__name__).exception("unexpected")
        sys.stderr.write(f"lakewarden: internal error: {type(error).__name__}; the log file has the details\n")
        return 70


if __name__ == "__main__":
    sys.exit(main())
