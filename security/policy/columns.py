"""Which columns an action shows, and which group of columns a policy's `@clear` names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from security.policy.model import Action, Visibility

PERSONAL = ("name", "birth_date", "address", "phone", "email")
IDENTIFIERS = ("ssn", "insurance_id")
IDENTIFYING = (*PERSONAL, *IDENTIFIERS)
PATIENT_COLUMNS = (
    "patient_id",
    "name",
    "birth_date",
    "sex",
    "address",
    "phone",
    "email",
    "ssn",
    "insurance_id",
    "site",
    "domain",
    "assigned",
    "encounters",
    "history",
)
CUSTOMER_COLUMNS = ("customer_name", "address")
PROJECTION_COLUMNS = ("ssn",)  # of the research projection: it holds nothing but the mask

GROUPS: Mapping[str, frozenset[str]] = {
    "plain": frozenset(PATIENT_COLUMNS) - frozenset(IDENTIFYING),
    "personal": frozenset(PERSONAL),
    "identifiers": frozenset(IDENTIFIERS),
    "customer": frozenset(CUSTOMER_COLUMNS),
}

_ACTIONS = frozenset(action.value for action in Action)
_RECORD_ACTIONS = (Action.VIEW_RECORD, Action.EDIT_RECORD, Action.UNMASK_SSN)
_WITHOUT_VIEW = (Action.BREAK_GLASS, Action.ERASE_SUBJECT)  # they show nothing themselves
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys((*_RECORD_ACTIONS, *_WITHOUT_VIEW), PATIENT_COLUMNS),
    Action.QUERY_RESEARCH: PROJECTION_COLUMNS,
    Action.QUERY_WAREHOUSE: CUSTOMER_COLUMNS,
    Action.UNMASK_CUSTOMER: CUSTOMER_COLUMNS,
}


def shows_columns(action: str) -> bool:
    """Whether a permit of `action` shows any column at all."""
    return action in _COLUMNS and action not in _WITHOUT_VIEW


def denied_columns(action: str) -> Mapping[str, Visibility]:
    """Every column of what `action` is about, denied; those of a patient for an action nobody knows."""
    names = _COLUMNS.get(action, () if action in _ACTIONS else PATIENT_COLUMNS)
    return MappingProxyType(dict.fromkeys(names, Visibility.DENIED))


def shown_columns(action: str, clear: Collection[str]) -> Mapping[str, Visibility]:
    """The columns of a permitted action: clear those of the groups in `clear`, masked the others."""
    if action in _WITHOUT_VIEW:
        return denied_columns(action)
    plain = frozenset[str]().union(*(GROUPS[group] for group in clear))
    return MappingProxyType(
        {name: Visibility.CLEAR if name in plain else Visibility.MASKED for name in _COLUMNS.get(action, ())}
    )
