"""Chooses the front end: the console or the command line. Each is imported only if it is chosen."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """The `lakewarden` command. Returns its exit code."""
    argv = sys.argv[1:]
    if argv:
        from console.cli.main import run

        return run(argv, os.environ)
    return _console()


def _console() -> int:
    from console.cli.terminal_check import why_no_console

    refusal = why_no_console(sys.stdin, sys.stdout, sys.stderr, os.environ)
    if refusal is not None:
        sys.stderr.write(refusal + "\n")
        return 64
    from console.cli.main import start_console

    return start_console(os.environ)


if __name__ == "__main__":
    sys.exit(main())
