"""What a query may show of the warehouse's customers: the columns that its grant of `unmask_customer` has in clear."""

from __future__ import annotations

from security.disclosure import Grant
from security.policy.model import Action, Visibility
from warehouse.models import SENSITIVE
from warehouse.ports import Showing


class CustomerGuard:
    """The port ColumnGuard of one query. What is no such grant, as the program itself has none, clears nothing."""

    def __init__(self, granted: object) -> None:
        self._grant = granted if isinstance(granted, Grant) and granted.action is Action.UNMASK_CUSTOMER else None
        columns = self._grant.columns if self._grant is not None else {}
        self._clear = {name for name, shown in columns.items() if shown is Visibility.CLEAR}

    def showing(self, table: str, column: str) -> Showing:
        """Clear if the grant says so of this column of the customers; masked otherwise."""
        return Showing.CLEAR if (table, column) in SENSITIVE and column in self._clear else Showing.MASKED

    def unreadable(self) -> None:
        """Write that a customer's cell does not open. Raises AuditUnavailable."""
        if self._grant is not None:
            self._grant.seal_broken()
