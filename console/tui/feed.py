"""The console's eye on the workspace: one thread that asks whether anything changed and tells the screen if so.

Ordering rules:
1. The workspace is opened here, after the first paint; what cannot be opened is told and tried again.
2. A cheap question first: nothing is read while nothing was written.
3. No news before the last news was taken, so that a stalled terminal piles nothing up.
4. A daemon, so that leaving never waits for a disk.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING

from console.tui.messages import Snapshot
from console.tui.pipelines.run_lines import RunFilter

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.background import Background
    from console.actions.permissions import Permissions
    from console.actions.pipelines import CityStatus, Overview, Pipelines
    from console.tui.pipelines.run_history import RunHistory

log = logging.getLogger(__name__)

LOOK_S = 0.5
AGAIN_AFTER_TROUBLE_S = 2.0
OVERVIEW_S = 5.0  # calls leave the quota's window without anything being written
CITIES_S = 2.0  # of many cities; a thousand take a tenth of a second to read
SETTLE_S = 5.0  # how often runs of dead processes are looked for while any runs
MANY = 100


@dataclass(frozen=True, slots=True)
class Workspace:
    """What the feed opened: the actions, what works behind them, and who decides about both."""

    pipelines: Pipelines
    background: Background
    permissions: Permissions


@dataclass(frozen=True, slots=True)
class Wish:
    """What the screen wants to see: so many runs that pass the filter, and these unfolded."""

    enough: int = 0
    wanted: RunFilter = field(default_factory=RunFilter)
    unfolded: frozenset[str] = frozenset()


class Feed:
    """`on_news` and `on_trouble` are called in the feed's thread; `taken` lets the next news come."""

    def __init__(
        self,
        *,
        open_workspace: Callable[[], Workspace],
        config_mark: Callable[[], int],
        now: Callable[[], datetime],
        on_news: Callable[[Snapshot], None],
        on_trouble: Callable[[Exception], None],
    ) -> None:
        self._open_workspace = open_workspace
        self._config_mark = config_mark
        self._now = now
        self._on_news = on_news
        self._on_trouble = on_trouble
        self._wake = threading.Event()
        self._taken = threading.Event()
        self._taken.set()
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._wish = Wish()
        self._again: set[str] = set()
        self._resting = self._anew = False
        self.workspace: Workspace | None = None
        self._history: RunHistory | None = None
        self._mark: tuple[int, int] | None = None
        self._overview: Overview | None = None
        self._cities: tuple[CityStatus, ...] = ()
        self._overview_at = self._cities_at = self._settled_at = float("-inf")
        self._cities_stale = True
        self._told: str | None = None
        self._shown: Snapshot | None = None

    def start(self) -> None:
        threading.Thread(target=self._go_on, name="console-feed", daemon=True).start()

    def stop(self) -> None:
        """Ask the thread to end, and return at once."""
        self._stopped.set()
        self._taken.set()
        self._wake.set()

    def wish(self, wish: Wish) -> None:
        """Show this from now on."""
        with self._lock:
            if wish == self._wish:
                return
            self._wish = wish
        self._wake.set()

    def look_again(self, run_id: str | None = None) -> None:
        """Something was done here: look at once, at the given run in any case."""
        with self._lock:
            self._again.add(run_id or "")
        self._wake.set()

    def taken(self) -> None:
        """The last news is on the screen."""
        self._taken.set()

    def rest(self) -> None:
        """Only open the workspace, and tell nothing of it, until `anew`."""
        with self._lock:
            self._resting = True
        self._taken.set()

    def anew(self) -> None:
        """Tell everything again, to a screen that has seen nothing yet; what the last one wished is forgotten."""
        with self._lock:
            self._resting, self._anew, self._wish = False, True, Wish()
        self._taken.set()
        self._wake.set()

    # ---- the thread -----------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        while not self._stopped.is_set():
            try:
                self._look()
                self._told = None
                pause_s = LOOK_S
            except Exception as error:  # noqa: BLE001 – the thread's boundary: told on the screen, tried again
                self._tell(error)
                pause_s = AGAIN_AFTER_TROUBLE_S
            began = monotonic()
            self._wake.wait(pause_s)
            self._wake.clear()
            if self._told is not None:  # a wish does not make a broken workspace whole
                self._stopped.wait(max(pause_s - (monotonic() - began), 0))
            self._taken.wait()

    def _tell(self, error: Exception) -> None:
        self._mark = None
        if str(error) != self._told:
            log.warning("the workspace cannot be shown: %s", error, exc_info=not str(error))
            self._told = str(error)
            self._shown = None
            self._on_trouble(error)

    def _look(self) -> None:
        pipelines, history = self._opened()
        with self._lock:
            wish, again, self._again = self._wish, self._again, set()
            resting, anew, self._anew = self._resting, self._anew, False
        if resting:
            return
        if anew:
            self._mark = self._shown = None
        mark = (pipelines.version(), self._config_mark())
        changed = mark != self._mark or bool(again)
        self._mark = mark
        self._settle(pipelines)
        self._read_overview(pipelines, changed=changed)
        assert self._overview is not None
        history.ask(wish.wanted, wish.unfolded)
        if changed:
            history.refresh(self._overview.running, again)
        end = monotonic() + LOOK_S
        if not history.load(wish.enough, stopped=lambda: self._wake.is_set() or monotonic() > end):
            self._wake.set()  # go on searching after what was found is shown
        self._read_cities(pipelines, changed=changed)
        self._publish(history)

    def _opened(self) -> tuple[Pipelines, RunHistory]:
        if self.workspace is None or self._history is None:
            from console.tui.pipelines.run_history import (
                RunHistory,  # loads the domain, which the first paint does without
            )

            workspace = self._open_workspace()
            self._history = RunHistory(workspace.pipelines)
            self.workspace = workspace
        return self.workspace.pipelines, self._history

    def _settle(self, pipelines: Pipelines) -> None:
        """Runs that a killed process left are marked as such when runs are listed."""
        running = self._overview is None or self._overview.running
        if running and monotonic() - self._settled_at >= SETTLE_S:
            pipelines.runs(limit=1)
            self._settled_at = monotonic()

    def _read_overview(self, pipelines: Pipelines, *, changed: bool) -> None:
        if changed or self._overview is None or monotonic() - self._overview_at >= OVERVIEW_S:
            self._overview = pipelines.overview()
            self._overview_at = monotonic()

    def _read_cities(self, pipelines: Pipelines, *, changed: bool) -> None:
        self._cities_stale = self._cities_stale or changed
        rest_s = CITIES_S if len(self._cities) > MANY else 0.0
        if self._cities_stale and monotonic() - self._cities_at >= rest_s:
            self._cities = tuple(pipelines.cities())
            self._cities_at = monotonic()
            self._cities_stale = False

    def _publish(self, history: RunHistory) -> None:
        assert self._overview is not None
        snapshot = Snapshot(self._overview, self._cities, history.runs, self._now())
        if self._shown is not None and _reads_alike(self._shown, snapshot):
            return
        self._shown = snapshot
        self._taken.clear()
        self._on_news(snapshot)


def _reads_alike(one: Snapshot, other: Snapshot) -> bool:
    """Whether the screen would be the same: ages and times of day change with the minute."""
    if one.read_at.replace(second=0, microsecond=0) != other.read_at.replace(second=0, microsecond=0):
        return False
    if (one.overview, one.runs) != (other.overview, other.runs):
        return False
    return one.cities is other.cities or one.cities == other.cities
