"""`lakewarden scheduler`: the hourly loop in the foreground, for systemd."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from console.cli.exits import Exit
from console.cli.output import PRACTICE_LABEL, say
from console.settings import Settings
from console.wiring.pipelines import pipelines
from console.wiring.scheduler import scheduler
from etl.models import rfc3339
from etl.run import RunOutcome


def run_scheduler(_arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Run every hour until a signal ends the process. Raises `EndedBySignal`."""
    actions = pipelines(settings, environ)
    setup = actions.setup()
    source = f"{setup.source_name}, {PRACTICE_LABEL}," if setup.practice else setup.source_name
    cities = "1 city" if len(setup.cities) == 1 else f"{len(setup.cities)} cities"
    paused = actions.overview().paused_since
    waits = f"; PAUSED since {rfc3339(paused)}: none starts until `s` in the console resumes them" if paused else ""
    say(f"hourly runs of {cities} from {source} into {setup.lake_url}{waits}")
    scheduler(settings, actions, on_problem=say, on_outcome=_tell).run_forever()
    return Exit.DONE


def _tell(outcome: RunOutcome) -> None:
    """One line for a run in which something failed, so that the service manager's journal shows it."""
    if not outcome.failures:
        return
    loaded = outcome.loaded + outcome.already_loaded
    say(
        f"{outcome.run_id} {'partial' if loaded else 'failed'}: {len(outcome.failures)} of "
        f"{len(outcome.failures) + loaded} cities failed, the first with: {outcome.failures[0]} "
        f"(see `lakewarden runs show {outcome.run_id}`)"
    )
