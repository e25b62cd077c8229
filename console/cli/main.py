"""Runs one command: settings, logging, signals, and every ending as one line and one exit code."""

from __future__ import annotations

import gc
import logging
import signal
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from typing import cast

from console.actions.errors import NoSuchRun
from console.actions.permissions import NotSignedIn, PermissionDenied
from console.cli.exits import Exit, UsageError, exit_of
from console.cli.logs import set_up_logging, wants_colour
from console.cli.output import say
from console.cli.parser import build_parser
from console.cli.signals import EndedBySignal, end_on_signals
from console.cli.streams import drop_output, mend_standard_streams
from console.cli.workspace import open_workspace
from console.config_errors import ConfigError, WorkspaceError
from etl.errors import EtlError
from etl.run import Stopped
from security.errors import SecurityError
from warehouse.errors import WarehouseError

log = logging.getLogger(__name__)

EXPECTED = (
    ConfigError, EtlError, NoSuchRun, PermissionDenied, SecurityError, Stopped, UsageError, WarehouseError,
    WorkspaceError, OSError,
)  # fmt: skip
READER_LEFT = 128 + signal.SIGPIPE  # as the shell tells of a program that SIGPIPE ended


def run(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the command of `argv` and return its exit code. Never raises, never shows a traceback."""
    end_on_signals()
    mend_standard_streams()
    try:
        code = _run(argv, environ)
        sys.stdout.flush()
    except EndedBySignal as ended:
        drop_output()
        return ended.exit_code
    except BrokenPipeError:  # nobody is there to be told, and nothing has failed: `… | head -1`
        drop_output()
        return READER_LEFT
    except OSError as error:
        drop_output()
        say(f"standard output cannot be written: {error.strerror}")
        return int(Exit.IO)
    return code


def lines_of(error: BaseException) -> list[str]:
    """What is told of an error that ended a command: its message, and of a denial what would change it."""
    told = str(error).splitlines() or [type(error).__name__]
    return [*told, *_remedy(error)] if isinstance(error, PermissionDenied) else told


def _run(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    try:
        arguments = build_parser().parse_args(argv)
        _check(arguments)
        return int(_carry_out(arguments, environ))
    except SystemExit as ended:  # --help and --version
        return cast(int, ended.code or 0)
    except BrokenPipeError:
        raise
    except EXPECTED as error:
        for line in lines_of(error):
            say(line)
        return int(exit_of(error))
    except Exception as error:
        log.exception("unexpected")
        say(f"internal error: {type(error).__name__}: {error}; the log file in the workspace has the details")
        return int(Exit.INTERNAL)


def _remedy(error: PermissionDenied) -> list[str]:
    """What would change a denial, where the message does not tell it already."""
    if error.decision is None or isinstance(error, NotSignedIn):
        return []
    from security.policy.denial import remedies
    from security.policy.words import BREAK_GLASS, fresh_code_would_do

    if fresh_code_would_do(error.decision):
        return []
    glass = f"{BREAK_GLASS} (`lakewarden records break-glass PATIENT --reason -`)"
    found = [text.replace(BREAK_GLASS, glass) for text in remedies(error.decision)]
    alike = (
        ["an id that nobody has is refused in the same words: see that it is right"] if glass in " ".join(found) else []
    )
    return [f"what would change it: {' · or '.join(found)}", *alike] if found else []


def _check(arguments: Namespace) -> None:
    asked = [f"--{name}" for name in ("city", "at", "now", "force") if getattr(arguments, name)]
    if asked and not arguments.run_once:
        raise UsageError(f"{', '.join(asked)} belongs to --run-once")
    if arguments.run_once and arguments.command:
        raise UsageError(f"--run-once takes no command, found {arguments.command}")
    if not arguments.run_once and not arguments.handler:
        raise UsageError("no command; see `lakewarden --help`")


def _carry_out(arguments: Namespace, environ: Mapping[str, str]) -> int:
    if arguments.handler == "init:init":
        from console.cli.init import init

        return int(init(arguments, environ))
    settings = open_workspace(environ)
    set_up_logging(
        level=settings.logging.level,
        log_file=settings.log_file,
        to_stderr=True,
        verbose=arguments.verbose,
        colour=wants_colour(sys.stderr, environ),
    )
    module, _, function = (arguments.handler or "run_once:run_once").partition(":")
    handler = getattr(import_module(f"console.cli.{module}"), function)
    gc.freeze()
    gc.enable()
    with ExitStack() as arguments.at_end:  # what `console.cli.session` opens is closed here
        return cast(int, handler(arguments, settings, environ))
