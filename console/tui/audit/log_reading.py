"""What the panel asks of the audit log in one go, off the loop: a beginning, and what is new."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from console.tui.audit.log_lines import PAGE
from security.audit.courier import KeeperStatus
from security.audit.search import Filter, Page, Recorded

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.audit import AuditActions


class Start(NamedTuple):
    """The newest events that pass a filter, in a log of `size` events."""

    wanted: Filter
    size: int
    page: Page
    keepers: list[KeeperStatus]


class Since(NamedTuple):
    """What came since; without `events` only how many there are."""

    events: list[Recorded] | None
    size: int
    keepers: list[KeeperStatus]


def start(audit: AuditActions, wanted: Filter) -> Start:
    """The newest events that pass `wanted`. Raises PermissionDenied, AuditUnavailable."""
    size = audit.size()
    return Start(wanted, size, audit.search(wanted, before=size, limit=PAGE), audit.keepers())


def since(audit: AuditActions, after: int | None) -> Since:
    """What came after event `after`; where that is None, only how many events there are. Raises as `start`."""
    found = None if after is None else audit.tail(after=after, limit=PAGE)
    return Since(found, audit.size(), audit.keepers())
