"""What an operator can do with the warehouse itself: build practice data, load, refresh, check.

Every method is decided by the permission port and on record before it does anything, and after; it raises
`PermissionDenied`, `AuditUnavailable` or a `WarehouseError`. Methods take as long as the data is large, so a user
interface calls them off its loop; `stop` ends them, and nothing was changed then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

from console.actions.permissions import Permissions
from warehouse import aggregates, integrity, practice_data
from warehouse.database import Warehouse
from warehouse.load import load
from warehouse.models import LoadReport
from warehouse.ports import CellCipher
from warehouse.practice_data import BuildReport, PracticeSpec

QUERY_WAREHOUSE = "query_warehouse"
MANAGE_WAREHOUSE = "manage_warehouse"
WAREHOUSE = "warehouse"

Progress = Callable[[int, int], None]


def _silent(_done: int, _all: int) -> None:
    return


class WarehouseActions:
    """The actions. `open_store` opens the store of the workspace, and makes it if it is missing; `find_store` does not:
    it raises `StoreMissing`."""

    def __init__(
        self,
        *,
        open_store: Callable[[], Warehouse],
        find_store: Callable[[], Warehouse],
        cipher: CellCipher,
        permissions: Permissions,
        practice: bool,
        rejects_dir: Path,
        scratch_dir: Path,
        now: Callable[[], datetime],
    ) -> None:
        self._open_store = open_store
        self._find_store = find_store
        self._cipher = cipher
        self._permissions = permissions
        self._practice = practice
        self._rejects_dir = rejects_dir
        self._scratch_dir = scratch_dir
        self._now = now

    def build(
        self,
        *,
        rows: int = practice_data.DEFAULT_ROWS,
        seed: int = practice_data.DEFAULT_SEED,
        until: date | None = None,
        only_if_empty: bool = False,
        replace: bool = False,
        progress: Progress = _silent,
        stop: threading.Event | None = None,
    ) -> BuildReport:
        """Replace the warehouse by practice data; `until` is by default the last day of the previous month.

        With `only_if_empty`, a warehouse that has data stays as it is, and `StoreNotEmpty` is raised; one that holds
        loads does so without `replace`, and `HoldsLoads` is raised.
        """
        with self._permissions.use(MANAGE_WAREHOUSE, WAREHOUSE):
            now = self._now()
            spec = PracticeSpec(rows, seed, until or practice_data.last_day_of_previous_month(now.date()))
            practice_data.check(spec, practice=self._practice)
            return practice_data.build(
                self._open_store(),
                spec,
                practice=self._practice,
                cipher=self._cipher,
                now=now,
                only_if_empty=only_if_empty,
                replace=replace,
                progress=progress,
                stop=stop,
            )

    def load(
        self, table: str, path: Path, *, progress: Progress = _silent, stop: threading.Event | None = None
    ) -> LoadReport:
        """Load one file into one table; the aggregates are current when this returns."""
        with self._permissions.use(MANAGE_WAREHOUSE, WAREHOUSE):
            return load(
                self._open_store(),
                table,
                path,
                cipher=self._cipher,
                rejects_dir=self._rejects_dir,
                scratch_dir=self._scratch_dir,
                now=self._now(),
                progress=progress,
                stop=stop,
            )

    def refresh(self, *, stop: threading.Event | None = None) -> dict[str, int]:
        """Rebuild the aggregates from the facts; the rows of each."""
        with self._permissions.use(MANAGE_WAREHOUSE, WAREHOUSE):
            return aggregates.refresh(self._find_store(), stop=stop)

    def check(self, *, stop: threading.Event | None = None) -> integrity.CheckReport:
        """Prove every rule of the warehouse."""
        with self._permissions.use(MANAGE_WAREHOUSE, WAREHOUSE):
            return integrity.check(self._find_store(), self._cipher, stop=stop)
