"""`lakewarden init`: makes the workspace, and enrols the first officer of one for production."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping
from contextlib import closing

from console.cli.exits import Exit, UsageError
from console.cli.output import say
from console.config_errors import WorkspaceError
from console.config_file import Written, create_workspace, remedy
from console.settings import Settings, home_of, load_settings


def init(arguments: Namespace, environ: Mapping[str, str]) -> Exit:
    """Make a workspace; one that is there stays as it is. In production, enrol an officer while none is enrolled.

    Without anybody to ask, the workspace alone is made, which is all that can be done (0), and it says what is left.
    Raises ConfigError, WorkspaceError, what enrolment raises, and UsageError where the officer to enrol was named.
    """
    if not arguments.production and (arguments.officer is not None or arguments.stdin):
        raise UsageError("--officer and --stdin belong to `init --production`: a practice workspace enrols nobody")
    home = home_of(environ)
    written = create_workspace(home, production=arguments.production)
    settings = load_settings(environ, home)
    mode = settings.workspace.mode
    made = "found" if written is Written.NOT else "made"
    say(f"{made} the {mode} workspace {home}; its settings are in {home / 'config.toml'}")
    if written is Written.ANEW:
        say(
            "the settings were lost and are the defaults now: set vault.keys_dir, audit.checkpoint_file and lake.url "
            "again if they were set, before anything else"
        )
    elif written is Written.NEW and arguments.production:
        say("next: set [lake] url in the settings; `lakewarden doctor` tells what else is missing")
    if not arguments.production:
        return Exit.DONE
    from console.cli.first_officer import enrol_first_officer

    try:
        done = enrol_first_officer(arguments, settings, environ)
        if arguments.stdin or sys.stdin.isatty() or _has_officer(settings, environ):
            return done
        told = f"no officer is enrolled in {home} yet: nobody can sign in there or add accounts until that is done"
        if arguments.officer is not None:
            raise UsageError(f"{told}; expected a terminal, or answers with --stdin, to enrol {arguments.officer}")
        say(told)
        return done
    except OSError as error:
        if error.filename is None:  # no file of the workspace, such as a pipe that nobody reads
            raise
        raise WorkspaceError(
            f"{error.filename}: expected a file that can be written, found: {error.strerror}; {remedy(error)}, then "
            "repeat `lakewarden init --production`"
        ) from error


def _has_officer(settings: Settings, environ: Mapping[str, str]) -> bool:
    """Whether an officer is enrolled; no store is made to know it. Raises SecurityError, OSError."""
    if not settings.identity_db.exists():
        return False
    from console.actions.seat import InMemory
    from console.wiring.security import Security
    from security.identity.first_officer import FirstOfficer

    with closing(Security(settings, environ, InMemory())) as security:
        return bool(FirstOfficer(security.identity).enrolled())
