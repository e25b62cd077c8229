"""What the console works with, made when it is first asked for and ended when the console is left.

Everything is imported here when it is needed, after the first paint.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from console.settings import Settings
from console.tui.feed import Workspace
from console.tui.shell import WarehouseParts

if TYPE_CHECKING:
    from console.actions.practice_warehouse import PracticeWarehouse


class Workshop:
    """Any thread may ask; each part is made once. `close` ends what works behind the screens.

    `build_practice` lets a practice workspace get its small warehouse.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str], *, build_practice: bool = True) -> None:
        self._build_practice = build_practice
        self._settings = settings
        self._environ = environ
        self._lock = threading.Lock()
        self._workspace: Workspace | None = None
        self._warehouse: WarehouseParts | None = None

    def open_workspace(self, on_problem: Callable[[str], None]) -> Workspace:
        """The pipeline with its scheduler; the first warehouse of a practice workspace is begun behind it."""
        from console.wiring.pipelines import pipelines
        from console.wiring.scheduler import background

        actions = pipelines(self._settings, self._environ)
        actions.setup()  # a broken configuration is told before anything is opened
        workspace = Workspace(actions, background(self._settings, actions, on_problem=on_problem))
        workspace.background.start()
        self._workspace = workspace
        threading.Thread(target=self._build_practice_warehouse, name="console-practice", daemon=True).start()
        return workspace

    def open_warehouse(self) -> WarehouseParts:
        """The warehouse's actions and the build of the practice warehouse."""
        from console.wiring.practice_warehouse import practice_warehouse
        from console.wiring.warehouse_queries import warehouse_queries

        with self._lock:
            if self._warehouse is None:
                practice = practice_warehouse(self._settings, self._environ) if self._build_practice else None
                self._warehouse = WarehouseParts(warehouse_queries(self._settings), practice)
            return self._warehouse

    def _build_practice_warehouse(self) -> None:
        practice: PracticeWarehouse | None = self.open_warehouse().practice
        if practice is not None:
            practice.start()

    def close(self) -> int:
        """End what works behind the screens; the number of runs that are left unfinished."""
        left = 0
        if self._workspace is not None:
            left = self._workspace.background.unfinished()
            self._workspace.background.stop()
        if self._warehouse is not None:
            if self._warehouse.practice is not None:
                self._warehouse.practice.stop()
            self._warehouse.queries.close()
        return left
