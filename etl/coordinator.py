"""The coordinator of one call: it alone decides what is due, by quota, retries, deadline and the operator's requests.

Everything here happens in the caller's thread; cities are handed to worker threads and come back as results.
"""

from __future__ import annotations

import heapq
import logging
import queue
import threading
from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta

from etl import files, tasks
from etl.city_work import CityWork, CityWorker, missed_hour, record_failed, record_waiting
from etl.errors import Cancelled, DeadlineExceeded, EtlError, InvalidKey, QuotaExceeded
from etl.history.claims import Claim, ClaimedCity
from etl.history.recorder import Recorder
from etl.models import HOUR_S, CityState, Task, TaskState, rfc3339, ts_of
from etl.ports import Lake, Source
from etl.quota import Quota
from etl.run import RunnerParts, RunOutcome, RunRequest, Stopped
from etl.task_log import attempt_log
from etl.workers import Workers

log = logging.getLogger(__name__)

POLL_REQUESTS_S = 0.25
LAST_TASKS_S = 1.0  # what tasks at work have after the deadline


class Coordinator:
    """Works through the claimed cities of one call; `carry_out` once."""

    def __init__(
        self,
        parts: RunnerParts,
        request: RunRequest,
        claimed: Claim,
        outcome: RunOutcome,
        stop: threading.Event,
    ) -> None:
        self._parts = parts
        self._policy = parts.policy
        self._request = request
        self._run_id = claimed.run_id
        self._units = claimed.units
        self._outcome = outcome
        self._stop = stop
        self._clock = parts.clock
        self._deadline_s = parts.clock.steady_s() + parts.policy.deadline_s
        self._cancelled = threading.Event()
        self._results: queue.SimpleQueue[tuple[CityWork, EtlError | None]] = queue.SimpleQueue()
        self._workers = Workers(min(parts.policy.concurrency, len(claimed.ours)), name=claimed.run_id)
        self._quota = Quota(
            parts.database,
            source=parts.source_name,
            calls_per_minute=parts.policy.calls_per_minute,
            clock=parts.clock,
        )
        self._recorder = Recorder(parts.database, claimed.run_id, now=parts.clock.now, redact=parts.redact)
        self._items = self._prepare(claimed.ours)
        self._local: deque[CityWork] = deque()
        self._remote: deque[CityWork] = deque()
        self._retries: list[tuple[float, int, CityWork]] = []
        self._at_work: dict[str, CityWork] = {}
        self._tie = 0
        self._quota_free_s = 0.0
        self._requests_read_s = float("-inf")
        self._source: Source | None = None

    def carry_out(self) -> None:
        try:
            files.sweep_temporaries(self._parts.staging_dir)
            self._sort_by_need()
            if self._local or self._remote:
                lake = self._parts.open_lake()
                if self._remote:
                    self._open_source()
                self._work_through(self._worker(lake, self._source))
        finally:
            self._workers.close()
            if self._source is not None and not self._workers.in_flight:
                self._source.close()
            self._recorder.close()

    # ---- what is to be done ------------------------------------------------------------

    def _prepare(self, claimed: Iterable[ClaimedCity]) -> list[CityWork]:
        ts = ts_of(self._request.logical_time)
        counts: dict[str, dict[Task, int]] = {}
        for slug, task, count in self._parts.database.query(
            "SELECT slug, task, max(attempt) FROM attempt WHERE run_id = ? GROUP BY slug, task",
            (self._run_id,),
        ):
            counts.setdefault(slug, {})[Task(task)] = count
        self._checks_before = counts.get("", {}).get(Task.CHECK, 0)
        return [
            CityWork(
                item,
                self._parts.source_name,
                tasks.staged_files(self._parts.staging_dir / item.staging, item.city.slug, ts),
                counts.get(item.city.slug, {}),
                self._request.force,
            )
            for item in claimed
        ]

    def _sort_by_need(self) -> None:
        for item in self._items:
            (self._remote if item.needs_source() else self._local).append(item)
        self._give_up_a_past_hour()
        if not self._remote and not self._checks_before:
            self._recorder.attempt("", Task.CHECK, 0, TaskState.SKIPPED)

    def _give_up_a_past_hour(self) -> None:
        """Weather is fetched within its own hour or not at all: the API only tells the current one."""
        hour = self._request.logical_time
        if self._clock.now() < hour + timedelta(seconds=HOUR_S):
            return
        while self._remote:
            item = self._remote.popleft()
            self._fail(item, Task.EXTRACT, missed_hour(self._recorder, item, self._parts.source_name, hour))

    # ---- the check ------------------------------------------------------------

    def _open_source(self) -> None:
        try:
            self._source = self._parts.open_source(self._units)
        except EtlError as error:  # such as a key that cannot be sent
            self._recorder.attempt("", Task.CHECK, self._checks_before + 1, TaskState.FAILED, error=error)
            self._fail_remote(error)
        else:
            self._check_availability(self._source)

    def _check_availability(self, source: Source) -> None:
        number = self._checks_before + 1
        started = self._clock.now()
        self._recorder.attempt("", Task.CHECK, number, TaskState.RUNNING, started=started)
        error: EtlError | None = None
        try:
            with attempt_log(self._recorder, "", Task.CHECK, number):
                tasks.check(
                    source,
                    [item.claimed.city for item in self._remote],
                    poke_interval_s=self._policy.poke_interval_s,
                    timeout_s=min(self._policy.sensor_timeout_s, self._deadline_s - self._clock.steady_s()),
                    steady_s=self._clock.steady_s,
                    wait=self._wait_in_check,
                    before_call=self._take_call,
                )
        except EtlError as found:
            error = found
        state = TaskState.FAILED if error else TaskState.SUCCESS
        self._recorder.attempt("", Task.CHECK, number, state, started=started, ended=self._clock.now(), error=error)
        if error is not None:
            self._fail_remote(error)

    def _fail_remote(self, error: EtlError) -> None:
        log.error("%s: %s", self._run_id, error)
        while self._remote:
            self._fail(self._remote.popleft(), Task.CHECK, error)

    def _take_call(self, left_s: float) -> None:
        """Take one call of the quota within `left_s`. Raises QuotaExceeded if it cannot be had by then."""
        end_s = self._clock.steady_s() + left_s
        while (wait_s := self._quota.take()) > 0:
            if self._clock.steady_s() + wait_s > end_s:
                raise QuotaExceeded(
                    f"the API may not be called for another {wait_s:.0f} s "
                    "(its quota is used up, or it answered 429 before); a later call of the same hour goes on",
                    retry_after_s=wait_s,
                )
            self._wait_in_check(wait_s)

    def _wait_in_check(self, seconds: float) -> None:
        end_s = self._clock.steady_s() + seconds
        while (left_s := end_s - self._clock.steady_s()) > 0:
            if self._stop.wait(min(left_s, POLL_REQUESTS_S)):
                raise Stopped
            self._read_requests()
            if self._cancelled.is_set():
                raise Cancelled("cancelled by the operator while waiting for the API")

    # ---- the cities ------------------------------------------------------------

    def _worker(self, lake: Lake, source: Source | None) -> CityWorker:
        return CityWorker(
            recorder=self._recorder,
            clock=self._clock,
            source_name=self._parts.source_name,
            logical_time=self._request.logical_time,
            units=self._units,
            lake=lake,
            source=source,
            cancelled=self._cancelled,
        )

    def _work_through(self, worker: CityWorker) -> None:
        while self._local or self._remote or self._retries or self._workers.in_flight:
            if self._stop.is_set():
                raise Stopped
            self._recorder.check()
            self._read_requests()
            self._end_if_overdue()
            self._wake_retries()
            self._dispatch(worker)
            self._take_results()

    def _dispatch(self, worker: CityWorker) -> None:
        while self._workers.free and self._local:
            self._start(worker, self._local.popleft())
        while self._workers.free and self._remote and self._clock.steady_s() >= self._quota_free_s:
            self._give_up_a_past_hour()
            if not self._remote:
                return
            wait_s = self._quota.take()
            if wait_s > 0:
                self._quota_free_s = self._clock.steady_s() + wait_s
                if self._quota_free_s > self._deadline_s:
                    self._leave_for_later(wait_s)
                return
            self._start(worker, self._remote.popleft())

    def _leave_for_later(self, wait_s: float) -> None:
        error = QuotaExceeded(
            f"the API may not be called for another {wait_s:.0f} s, which is past this run's deadline; "
            "a later call of the same hour goes on"
        )
        while self._remote:
            item = self._remote.popleft()
            self._fail(item, Task.EXTRACT, item.error or error)

    def _start(self, worker: CityWorker, item: CityWork) -> None:
        if item.error is not None:
            self._recorder.city(item.slug, CityState.RUNNING)
        self._at_work[item.slug] = item
        self._workers.submit(lambda: self._results.put((item, worker.work(item))))

    def _take_results(self) -> None:
        """Settle what workers have finished; wait for it until something else is due."""
        now_s = self._clock.steady_s()
        due_s = [now_s + POLL_REQUESTS_S]
        if self._retries:
            due_s.append(self._retries[0][0])
        if self._remote and self._workers.free:
            due_s.append(self._quota_free_s)
        try:
            self._settle(*self._results.get(timeout=max(min(due_s) - now_s, 0.001)))
            while True:
                self._settle(*self._results.get_nowait())
        except queue.Empty:
            return

    def _settle(self, item: CityWork, error: EtlError | None) -> None:
        if self._at_work.pop(item.slug, None) is None:
            return  # given up as overdue
        self._workers.done()
        if error is None:
            self._outcome.loaded += 1
            return
        task = item.failed_task or Task.EXTRACT
        if isinstance(error, Cancelled):
            self._skip(item, error)
        elif isinstance(error, QuotaExceeded) and task is Task.EXTRACT:
            self._pause(item, error)
        elif error.retryable and item.retries_used < self._policy.retries and not self._cancelled.is_set():
            self._retry_later(item, task, error)
        else:
            self._fail(item, task, error)
            if isinstance(error, InvalidKey):  # the others would be refused as well
                while self._remote:
                    self._fail(self._remote.popleft(), Task.EXTRACT, error)

    def _pause(self, item: CityWork, error: EtlError) -> None:
        """The API answered 429: every city waits, and this one is the first to go on."""
        pause_s = error.retry_after_s or self._policy.pause_after_429_s
        until = self._quota.pause(pause_s)
        self._quota_free_s = 0.0
        item.error = error
        self._remote.appendleft(item)
        log.warning("%s: the API answered 429; every city waits until %s", self._run_id, rfc3339(until))
        self._mark_waiting(item, Task.EXTRACT, error, until)

    def _retry_later(self, item: CityWork, task: Task, error: EtlError) -> None:
        delay_s = max(self._policy.delay_s, error.retry_after_s or 0.0)
        due_s = self._clock.steady_s() + delay_s
        if due_s > self._deadline_s:
            self._fail(item, task, error)
            return
        item.retries_used += 1
        item.error = error
        self._tie += 1
        heapq.heappush(self._retries, (due_s, self._tie, item))
        due = self._clock.now() + timedelta(seconds=delay_s)
        log.warning("%s: %s: %s failed, retry at %s: %s", self._run_id, item.slug, task, rfc3339(due), error)
        self._mark_waiting(item, task, error, due)

    def _mark_waiting(self, item: CityWork, task: Task, error: EtlError, until: datetime) -> None:
        record_waiting(self._recorder, item, task, error, ended=self._clock.now(), until=until)

    def _wake_retries(self) -> None:
        while self._retries and self._retries[0][0] <= self._clock.steady_s():
            self._wake(heapq.heappop(self._retries)[2])

    def _wake(self, item: CityWork) -> None:
        (self._remote if item.needs_source() else self._local).append(item)

    def _end_if_overdue(self) -> None:
        if self._clock.steady_s() < self._deadline_s:
            return
        late = DeadlineExceeded(
            f"the run's deadline of {self._policy.deadline_s:g} s is over; a later call of the same hour goes on"
        )
        for item in self._waiting():
            self._fail(item, item.failed_task or Task.EXTRACT, item.error or late)
        if self._clock.steady_s() < self._deadline_s + LAST_TASKS_S:
            return
        for item in list(self._at_work.values()):  # their threads end by themselves; what they make whole is kept
            self._workers.done()
            self._fail(item, item.failed_task or Task.EXTRACT, late)
        self._at_work.clear()

    def _waiting(self) -> list[CityWork]:
        """Take every item that no worker holds."""
        items = [*self._local, *self._remote, *(entry[2] for entry in self._retries)]
        self._local.clear()
        self._remote.clear()
        self._retries.clear()
        return items

    # ---- requests of the operator ------------------------------------------------------------

    def _read_requests(self) -> None:
        now_s = self._clock.steady_s()
        if now_s - self._requests_read_s < POLL_REQUESTS_S:
            return
        self._requests_read_s = now_s
        if self._parts.database.query("SELECT 1 FROM run WHERE run_id = ? AND cancel", (self._run_id,)):
            self._cancelled.set()
            for item in self._waiting():
                self._skip(item, Cancelled("cancelled by the operator"))
            return
        for slug, request in self._parts.database.query(
            "SELECT slug, request FROM run_city WHERE run_id = ? AND request IS NOT NULL", (self._run_id,)
        ):
            self._heed(slug, request)

    def _heed(self, slug: str, request: str) -> None:
        """Do what the operator asks of a waiting retry. A pause after a 429 cannot be hurried, only cancelled."""
        item = next((entry[2] for entry in self._retries if entry[2].slug == slug), None)
        if item is not None:
            self._retries = [entry for entry in self._retries if entry[2] is not item]
            heapq.heapify(self._retries)
            if request == "hurry":
                self._wake(item)
                return
        elif request == "cancel":
            item = next((waiting for waiting in self._remote if waiting.slug == slug and waiting.error), None)
            if item is not None:
                self._remote.remove(item)
        if item is None or item.failed_task is None or item.error is None:
            self._recorder.heeded(slug)
        else:
            self._fail(item, item.failed_task, item.error)

    # ---- endings ------------------------------------------------------------

    def _fail(self, item: CityWork, task: Task, error: EtlError) -> None:
        self._outcome.failures.append(error)
        record_failed(self._recorder, item, task, error, ended=self._clock.now())
        log.error("%s: %s: %s: %s", self._run_id, item.claimed.city.name, task, error)

    def _skip(self, item: CityWork, error: Cancelled) -> None:
        self._outcome.failures.append(error)
        if item.failed_task is not None and item.attempts.get(item.failed_task):  # a retry that waited never comes
            self._recorder.superseded(item.slug, item.failed_task, item.attempts[item.failed_task])
        self._recorder.city(item.slug, CityState.SKIPPED, task=item.failed_task, error=error)
