"""`lakewarden init`: makes the workspace, and enrols the first officer of one for production."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from console.cli.exits import Exit, UsageError
from console.cli.output import say
from console.config_errors import WorkspaceError
from console.config_file import Written, create_workspace, remedy
from console.settings import home_of, load_settings


def init(arguments: Namespace, environ: Mapping[str, str]) -> Exit:
    """Make a workspace; one that is there stays as it is. In production, enrol an officer while none is enrolled.

    Raises ConfigError, WorkspaceError, and what enrolment raises.
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
        return enrol_first_officer(arguments, settings, environ)
    except OSError as error:
        if error.filename is None:  # no file of the workspace, such as a pipe that nobody reads
            raise
        raise WorkspaceError(
            f"{error.filename}: expected a file that can be written, found: {error.strerror}; {remedy(error)}, then "
            "repeat `lakewarden init --production`"
        ) from error
