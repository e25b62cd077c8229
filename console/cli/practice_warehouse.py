"""What reads the warehouse of a new practice workspace from the command line has a small one made first."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing

from console.actions.practice_warehouse import PRACTICE_ROWS
from console.cli.output import say
from console.cli.progress import ProgressLine, stoppable
from console.settings import Settings
from console.wiring.practice_warehouse import is_missing
from console.wiring.warehouse import warehouse_actions
from warehouse.errors import StoreNotEmpty


def make_practice_warehouse(settings: Settings, environ: Mapping[str, str]) -> None:
    """Build the small warehouse if a practice workspace has none, and say so on stderr. Raises a `WarehouseError`.

    Where a console is building it at this moment, its end is waited for.
    """
    if not is_missing(settings):
        return
    say(f"there is no warehouse yet: making a practice one of {PRACTICE_ROWS:,} sales")
    actions = warehouse_actions(settings)
    with closing(ProgressLine("building", environ)) as progress:
        try:
            stoppable(lambda stop: actions.build(rows=PRACTICE_ROWS, only_if_empty=True, progress=progress, stop=stop))
        except StoreNotEmpty:
            return
