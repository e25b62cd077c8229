"""Looks at what is closed or open: several workers of a screen look at once, and one of them is on record."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console.actions.permissions import PermissionDenied
from security.audit.event import Event, Outcome
from tests.console.desk import Desk, desk_at

WORKERS = 8


@pytest.fixture
def desk(workspace: Path) -> Iterator[Desk]:
    with desk_at(workspace) as made:
        yield made


def at_once(look: Callable[[], object]) -> list[type[Exception] | None]:
    """What each of several workers was told that looked at the same time."""
    start, told = threading.Barrier(WORKERS), list[type[Exception] | None]()

    def work() -> None:
        start.wait()
        try:
            look()
        except PermissionDenied as error:
            told.append(type(error))
        else:
            told.append(None)

    workers = [threading.Thread(target=work) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return told


def looks(desk: Desk, before: int) -> list[Event]:
    return [event for event in desk.events(before) if event.code == "look"]


def test_a_refusal_of_several_workers_at_once_is_told_to_each_and_recorded_once(desk: Desk) -> None:
    desk.sit_down("doctor")
    before = desk.size()
    assert at_once(lambda: desk.security.gate.require("rotate_keys", "keys")) == [PermissionDenied] * WORKERS
    (refused,) = looks(desk, before)
    assert (refused.action, refused.outcome) == ("rotate_keys", Outcome.REFUSED)


def test_a_refusal_is_recorded_for_each_section_and_again_after_a_minute(desk: Desk) -> None:
    desk.sit_down("doctor")
    before = desk.size()
    for action, resource in (("rotate_keys", "keys"), ("query_warehouse", "warehouse"), ("rotate_keys", "keys")):
        with pytest.raises(PermissionDenied):
            desk.security.gate.require(action, resource)
    assert [one.action for one in looks(desk, before)] == ["rotate_keys", "query_warehouse"]
    desk.pass_time(61)
    assert at_once(lambda: desk.security.gate.require("rotate_keys", "keys")) == [PermissionDenied] * WORKERS
    assert [one.action for one in looks(desk, before)] == ["rotate_keys", "query_warehouse", "rotate_keys"]


def test_a_permitted_look_of_several_workers_at_once_is_recorded_once_a_session(desk: Desk) -> None:
    for _session in range(2):
        desk.sit_down("auditor")
        before = desk.size()
        assert at_once(lambda: desk.security.gate.require("read_audit", "audit")) == [None] * WORKERS
        assert [one.outcome for one in looks(desk, before)] == [Outcome.INTENT, Outcome.DONE]
