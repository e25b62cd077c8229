"""`lakewarden init`: makes the workspace."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from console.cli.exits import Exit
from console.cli.output import say
from console.config_file import create_workspace
from console.settings import home_of, load_settings


def init(arguments: Namespace, environ: Mapping[str, str]) -> Exit:
    """Make a workspace; one that is there stays as it is. Raises `ConfigError`, `WorkspaceError`."""
    home = home_of(environ)
    created = create_workspace(home, production=arguments.production)
    mode = load_settings(environ, home).workspace.mode
    say(f"{'made' if created else 'found'} the {mode} workspace {home}; its settings are in {home / 'config.toml'}")
    if created and arguments.production:
        say("next: `lakewarden secrets set openweather_api_key`, set [lake] url, then `lakewarden doctor`")
    return Exit.DONE
