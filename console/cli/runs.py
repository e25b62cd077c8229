"""`lakewarden runs` and `runs show`: what ran, and what each attempt logged."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from console.cli.exits import Exit
from console.cli.output import PRACTICE_LABEL, print_json, print_table, safe
from console.cli.session import gate_of
from console.settings import Settings
from console.wiring.pipelines import pipelines
from etl.history.queries import RunRow, run_document
from etl.models import CityState, rfc3339
from etl.tasks import PRACTICE


def list_runs(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """The newest runs, newest first."""
    actions = pipelines(settings, environ, permissions=gate_of(arguments, settings, environ))
    rows = actions.runs(limit=arguments.limit)
    if arguments.json:
        print_json([run_document(row) for row in rows])
    elif not rows:
        print("No runs yet. `lakewarden --run-once` makes the first.")
    else:
        told_apart = ["loaded", "source"] if any(row.source == PRACTICE for row in rows) else ["source", "loaded"]
        print_table(
            ["run", "logical time", "source", "trigger", "state", "loaded", "duration", "problem"],
            [
                [row.run_id, rfc3339(row.logical_time), "PRACTICE" if row.source == PRACTICE else "real",
                 row.trigger, row.state, _loaded(row), f"{row.duration_s:.1f} s",
                 next((city.problem.message for city in row.cities if city.problem), "")]
                for row in rows
            ],
            spare=["duration", "trigger", *told_apart],
        )  # fmt: skip
    return Exit.DONE


def show_run(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """One run with its attempts and their logs."""
    actions = pipelines(settings, environ, permissions=gate_of(arguments, settings, environ))
    actions.runs(limit=1)
    document = actions.run_document(arguments.run_id, tasks=True)
    if arguments.json:
        print_json(document)
        return Exit.DONE
    row = actions.run(arguments.run_id)
    practice = f"  {PRACTICE_LABEL}" if row.source == PRACTICE else ""
    print(f"{row.run_id}  {row.state}  {_loaded(row)} loaded  {row.duration_s:.1f} s  by {row.trigger}{practice}")
    print(f"lake {safe(row.lake)}\n")
    print_table(
        ["city", "state", "object", "problem"],
        [[c.city, c.state, c.object_key or "–", c.problem.message if c.problem else ""] for c in row.cities],
    )
    for task in document["tasks"]:
        print(f"\n{task['task']}  {safe(task['city'] or '')}  attempt {task['attempt']}  {task['state']}")
        for line in task["log"]:
            print(f"  {safe(line)}")
        if task["error"]:
            print(f"  {safe(task['error']['message'])}")
    return Exit.DONE


def _loaded(row: RunRow) -> str:
    return f"{sum(city.state is CityState.SUCCESS for city in row.cities)}/{len(row.cities)}"
