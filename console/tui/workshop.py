"""What the console works with, made when it is first asked for and ended when the console is left.

Everything is imported here when it is needed, after the first paint.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from console.settings import Settings
from console.tui.feed import Workspace
from console.tui.office import SecurityOffice
from console.tui.shell import WarehouseParts

if TYPE_CHECKING:
    from console.actions.permissions import Permissions
    from console.actions.practice_warehouse import PracticeWarehouse
    from console.wiring.security import Security
    from etl.ports import Clock

log = logging.getLogger(__name__)


class LateGate:
    """The permission port, whose gate is opened when it is first asked: until then the security core is not loaded."""

    def __init__(self, gate: Callable[[], Permissions]) -> None:
        self._gate = gate

    def require(self, action: str, resource: str) -> None:
        """Raises as the gate does, and SecurityError or OSError where it cannot be opened."""
        self._gate().require(action, resource)

    def use(self, action: str, resource: str) -> AbstractContextManager[object]:
        """Likewise."""
        return self._gate().use(action, resource)


class Workshop:
    """Any thread may ask; each part is made once. `close` ends what works behind the screens.

    `build_practice` lets a practice workspace get its accounts, its patients and its small warehouse. `permissions`
    decides in place of the gate for who sits here.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        *,
        build_practice: bool = True,
        permissions: Permissions | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._build_practice = build_practice
        self._settings = settings
        self._environ = environ
        self._clock = clock
        self._lock = threading.Lock()
        self._workspace: Workspace | None = None
        self._warehouse: WarehouseParts | None = None
        self._security: Security | None = None
        self._office: SecurityOffice | None = None
        self._gate = permissions or LateGate(lambda: self.open_security().gate)

    def open_workspace(self, on_problem: Callable[[str], None]) -> Workspace:
        """The pipeline for whoever sits here, and its scheduler, which is the service's; practice data behind it."""
        from console.actions.background import Background
        from console.wiring.pipelines import pipelines
        from console.wiring.scheduler import scheduler

        service = pipelines(self._settings, self._environ)
        service.setup()  # a broken configuration is told before anything is opened
        hourly = scheduler(self._settings, service, on_problem=on_problem)
        Background(service, hourly).start()
        here = pipelines(self._settings, self._environ, permissions=self._gate)
        self._workspace = Workspace(here, Background(here, hourly), self._gate)
        if self._build_practice:
            threading.Thread(
                target=self._prepare_practice, args=(on_problem,), name="console-practice", daemon=True
            ).start()
        return self._workspace

    def open_warehouse(self) -> WarehouseParts:
        """The warehouse's actions and the build of the practice warehouse."""
        from console.wiring.practice_warehouse import practice_warehouse
        from console.wiring.warehouse_queries import warehouse_queries

        with self._lock:
            if self._warehouse is None:
                practice = practice_warehouse(self._settings, self._environ) if self._build_practice else None
                self._warehouse = WarehouseParts(warehouse_queries(self._settings, permissions=self._gate), practice)
            return self._warehouse

    def open_security(self) -> Security:
        """The security core; the session at this terminal is kept in memory alone."""
        from console.actions.seat import InMemory
        from console.wiring.security import Security

        with self._lock:
            if self._security is None:
                self._security = Security(self._settings, self._environ, InMemory(), clock=self._clock)
            return self._security

    def open_office(self) -> SecurityOffice:
        """The actions of the security core. Raises SecurityError or OSError where a store cannot be opened."""
        from console.wiring import security_actions

        security = self.open_security()
        if self._office is None:
            self._office = SecurityOffice(
                sign_in=security_actions.sign_in_actions(security),
                users=security_actions.users(security),
                practice=security_actions.practice_actions(security) if self._settings.practice else None,
                decisions=security_actions.decisions(security),
                audit=security_actions.audit_actions(security),
                records=security_actions.records(security),
                research=security_actions.research(security),
                vault=security_actions.vault_actions(security),
                gate=security.gate,
            )
        return self._office

    def _prepare_practice(self, on_problem: Callable[[str], None]) -> None:
        """Accounts and patients first, which are there in seconds; then the warehouse."""
        if self._settings.practice:
            from console.wiring.practice import prepare_practice
            from security.errors import PracticeOnly

            try:
                prepare_practice(self.open_security())
            except PracticeOnly as refusal:
                log.warning("no practice accounts and patients were made: %s", refusal)
                on_problem(f"No practice accounts and patients were made: {refusal}")
            except Exception:
                log.exception("the practice accounts and patients cannot be made; signing in tries again")
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
        if self._security is not None:
            self._close_security(self._security)
        return left

    def _close_security(self, security: Security) -> None:
        """Sign out, so that no session is left behind that nobody can use."""
        try:
            if security.seat.holds_token:
                security.seat.leave()
            security.close()
        except Exception:
            log.exception("the security core was not closed cleanly")
