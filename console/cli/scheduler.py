"""`lakewarden scheduler`: the hourly loop in the foreground, for systemd."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from console.cli.exits import Exit
from console.cli.output import say
from console.settings import Settings
from console.wiring.pipelines import pipelines
from console.wiring.scheduler import scheduler


def run_scheduler(_arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Run every hour until a signal ends the process. Raises `EndedBySignal`."""
    actions = pipelines(settings, environ)
    setup = actions.setup()
    say(f"hourly runs of {len(setup.cities)} cities from {setup.source_name} into {setup.lake_url}")
    scheduler(settings, actions, on_problem=say).run_forever()
    return Exit.DONE
