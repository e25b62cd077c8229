"""Opening the workspace before any front end: its settings, and its logging where the console takes the terminal.

Separate from the commands because the console must not load what only they need.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from console.cli.exits import exit_of
from console.cli.logs import set_up_logging
from console.cli.output import say
from console.config_errors import ConfigError, WorkspaceError
from console.config_file import open_or_create_workspace
from console.settings import HOME_VARIABLE, Settings, home_of, load_settings


def open_workspace(environ: Mapping[str, str], *, quiet: bool = False) -> Settings:
    """The settings of the workspace, kept private, and made as a practice workspace on first use.

    Who calls it in a terminal is told of a new one unless `quiet`: where the folder is mistyped, another was meant.
    Raises `ConfigError`, `WorkspaceError` or OSError.
    """
    home = home_of(environ)
    there = (home / "config.toml").exists()
    open_or_create_workspace(home)
    if not there and not quiet and sys.stderr.isatty():
        say(
            f"made a practice workspace in {home}: its weather is made up while no API key is known; if another was "
            f"meant, correct {HOME_VARIABLE}; for real data make one with `lakewarden init --production` in a folder "
            "of its own"
        )
    return load_settings(environ, home)


def prepare_console(environ: Mapping[str, str]) -> Settings | int:
    """The settings for a console on this terminal, its logging set up; an exit code where that is impossible."""
    try:
        settings = open_workspace(environ, quiet=True)  # the console tells it on the screen
    except (ConfigError, WorkspaceError, OSError) as error:
        for line in str(error).splitlines():
            say(line)
        return int(exit_of(error))
    set_up_logging(level=settings.logging.level, log_file=settings.log_file, to_stderr=False, verbose=False)
    return settings
