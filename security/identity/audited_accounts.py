"""What the audit log tells of accounts, and accounts that are otherwise in their database: changed by another hand.

A role and whether an account is disabled stand in clear in the file, yet each change of them is also on record, where
nothing can be changed unseen. Of an address, a domain and a shift the log has only that they were changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from security.audit.event import Event, Outcome
from security.identity.account import Role, user_name
from security.identity.core import Core
from security.identity.practice import practice_accounts
from security.instants import milliseconds

SLACK = timedelta(minutes=10)  # by which a clock may be put back
_OF_USER = "user:"
_ROLE = "role-"
_SAME = "same"
_OTHER_CHANGES = frozenset({_SAME, "email", "domain", "shift"})
_ROLES = frozenset(role.value for role in Role)
_PRACTICE = {one.user: one.role.value for one in practice_accounts("UTC")}


class _Said(NamedTuple):
    """What an event said of an account; None where it cannot be known from then on."""

    value: str | bool | None
    event: Event


@dataclass(slots=True)
class Told:
    """What the log tells of an account, in its order."""

    added: Event | None = None
    used: bool = False  # whether anything is on record after its addition
    disabled: _Said | None = None
    roles: list[_Said] = field(default_factory=list)
    code: Event | None = None  # by which somebody was last let enrol
    enrolled: int = 0  # how many times since then

    @property
    def role(self) -> _Said | None:
        return self.roles[-1] if self.roles else None

    def may_have_been(self, role: Role, at: datetime) -> bool:
        """Whether it had `role` at that instant, as far as the log and the clocks can tell."""
        before = [said.value for said in self.roles if at - said.event.at >= SLACK][-1:]
        about = [said.value for said in self.roles if abs(at - said.event.at) < SLACK]
        if not before and self.added is None:
            return True
        return any(value is None or value == role.value for value in before + about)


def told_accounts(events: Iterable[Event]) -> dict[str, Told]:
    """What `events` tell of each account, oldest first."""
    told: dict[str, Told] = {}
    for event in events:
        if event.outcome is Outcome.DONE and event.resource.startswith(_OF_USER):
            user = event.resource.removeprefix(_OF_USER)
            _take(told.setdefault(user, Told()), user, event)
    return told


def altered_accounts(core: Core, told: Mapping[str, Told], *, anew: datetime | None) -> Iterator[str]:
    """Each account that is otherwise than the log tells; `anew` is when a log that stands for an earlier one began.

    Accounts that are older than such a log are compared with what it tells of them since. Raises StoreError.
    """
    rows = core.database.query("SELECT user, role, disabled, made_at FROM account ORDER BY user")
    for user, role, disabled, made_at in rows:
        of_it = told.get(user, Told())
        if of_it.added is None and (anew is None or made_at > milliseconds(anew + SLACK)):
            yield (
                f"account {_shown(user)}: expected its addition on record, found none; unless somebody added it, "
                f"`lakewarden users disable {_shown(user)}`"
            )
        yield from _differences(_shown(user), role, bool(disabled), of_it)
    there = {row[0] for row in rows}
    for user, of_it in told.items():
        if of_it.added is not None and of_it.used and user not in there:
            yield f"account {user}: expected one (added by {_who(of_it.added)}), found none; restore it from a backup"


def _take(told: Told, user: str, event: Event) -> None:
    told.used = told.added is not None
    match event.action:
        case "add_user":
            told.added, told.used = event, False
            told.disabled = _Said(False, event)
            told.roles.append(_Said(_first_role(user, event.code), event))
            _take_code(told, event, enrolled=1 if event.code == "practice" else 0)
        case "change_user":
            if (role := _new_role(event.code)) != _SAME:
                told.roles.append(_Said(role, event))
        case "disable_user" | "enable_user":
            told.disabled = _Said(event.action == "disable_user", event)
        case "reset_mfa":
            _take_code(told, event)
        case "enrol":
            told.enrolled += 1


def _take_code(told: Told, event: Event, *, enrolled: int = 0) -> None:
    told.code, told.enrolled = event, enrolled


def _differences(user: str, role: str, disabled: bool, told: Told) -> Iterator[str]:
    """Where an account is not as it was told."""
    said = told.role
    if said is not None and said.value is not None and said.value != role:
        yield (
            f"account {user}: expected the role {_spelled(str(said.value))} (given by {_who(said.event)}), found "
            f"{_spelled(role)}; say which is right with `lakewarden users change {user} --role`"
        )
    said = told.disabled
    if said is not None and said.value is not disabled:
        expected, found = ("disabled", "enabled") if said.value else ("enabled", "disabled")
        yield (
            f"account {user}: expected it {expected} (by {_who(said.event)}), found it {found}; say which is "
            f"right with `lakewarden users disable {user}` or `enable`"
        )
    if told.code is not None and told.enrolled > 1:
        yield (
            f"account {user}: expected one enrolment (permitted by {_who(told.code)}), found "
            f"{told.enrolled}; `lakewarden users reset-mfa {user} --password`, unless its owner enrolled each time"
        )


def _first_role(user: str, code: str | None) -> str | None:
    """The role that an account was added with, by the word of the event."""
    if code == "practice":
        return _PRACTICE.get(user)
    if code == "first-officer":
        return Role.OFFICER.value
    return code if code in _ROLES else None


def _new_role(code: str | None) -> str | None:
    """The role that a change gave; `same` for none, None where the word does not tell."""
    if code is None:
        return None
    if code.startswith(_ROLE):
        role = code.removeprefix(_ROLE).split("-")[0]
        return role if role in _ROLES else None
    return _SAME if _OTHER_CHANGES.issuperset(code.split("-")) else None


def _who(event: Event) -> str:
    return f"{event.principal}, {event.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def _spelled(role: str) -> str:
    """A role; what is none, which may be anything, without what no terminal should be sent."""
    return role if role in _ROLES else f"{role[:40]!a}"


def _shown(user: str) -> str:
    return user if user_name(user) == user else f"{user[:40]!a}"
