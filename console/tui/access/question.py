"""The question of the decision explorer: its fields, what each may be filled with, and what it asks; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

from console.tui.sign_in.words import role_name
from security.policy.words import FRESH_S

if TYPE_CHECKING:
    from console.actions.decisions import Choices
    from security.policy.facts import AccountFacts

NOW, HERE, JUST_NOW = "now", "127.0.0.1", "0"
DOCTOR = "doctor"
NO_SHIFT = (
    "A doctor without a shift is never on shift: no record opens but, in an emergency, that of a patient who is not "
    "assigned."
)
PIPELINE = "pipeline:weather"
NOBODY_THERE = ("203.0.113.7", "198.51.100.7", "192.0.2.7")  # RFC 5737: addresses of no real host

_PATIENT = frozenset({"view_record", "edit_record", "unmask_ssn", "break_glass", "erase_subject"})
_ABOUT = {
    "query_research": "dataset",
    "rebuild_projection": "dataset",
    "serve_aggregates": "dataset",
    "query_warehouse": "warehouse",
    "unmask_customer": "warehouse",
    "manage_warehouse": "warehouse",
    "view_pipelines": PIPELINE,
    "trigger_run": PIPELINE,
    "manage_schedule": PIPELINE,
    "read_audit": "audit",
    "read_compliance": "compliance",
    "manage_users": "users",
    "rotate_keys": "keys",
    "manage_partners": "partners",
    "apply_retention": "retention",
}
_CLOCK = re.compile(r"(?:(today|tonight|tomorrow|yesterday) +)?([01]?\d|2[0-3]):([0-5]\d)")
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2})(:\d{2})?")
_DAYS = {"today": 0, "tonight": 0, "tomorrow": 1, "yesterday": -1}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form. A `free` one takes any text; another takes the first choice that fits what is typed."""

    name: str
    label: str
    free: bool = False
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """One choice of a field, with what it is."""

    value: str
    about: str = ""


FIELDS = (
    Field("user", "User"),
    Field("action", "Action"),
    Field("resource", "Resource"),
    Field("at", "Time", True, "now, 22:00, tomorrow 03:00, 2026-03-01 03:12"),
    Field("ip", "Place", True, "an IPv4 or IPv6 address"),
    Field("mfa", "Factor"),
    Field("mfa_age_s", "Code age", True, "seconds since the code was given"),
    Field("reason", "Reason", True, "none"),
)


class NotATime(ValueError):
    """What was typed is no time; says what is expected."""


def offers(name: str, choices: Choices, values: Mapping[str, str]) -> list[Offer]:
    """What the field `name` may be filled with, given the others."""
    if name == "user":
        return [Offer(account.user, account_words(account)) for account in choices.users]
    if name == "action":
        return [Offer(action, _about(action)) for action in choices.actions]
    if name == "resource":
        return _resources(values.get("action", ""), choices)
    if name == "ip":
        return _places(choices.networks)
    return list(_FIXED.get(name, ()))


def account_words(account: AccountFacts) -> str:
    """Role, domain and shift of an account, that a doctor has none, and whether it is disabled."""
    shift = str(account.shift or "") or ("no shift" if account.role.value == DOCTOR else "")
    parts = [role_name(account.role), account.domain or "", shift, "disabled" if account.disabled else ""]
    return ", ".join(part for part in parts if part)


def account_note(account: AccountFacts | None) -> str:
    """What must be known of an account to understand the decisions about it; empty for most."""
    return NO_SHIFT if account is not None and account.role.value == DOCTOR and account.shift is None else ""


def first_values(choices: Choices, user: str | None) -> dict[str, str]:
    """A question to begin with: whoever is signed in, else the first doctor, asks for a record now, if there is one."""
    names = [account.user for account in choices.users]
    doctors = [account.user for account in choices.users if account.role.value == DOCTOR]
    values = {
        "user": user if user in names else next(iter([*doctors, *names]), ""),
        "action": "view_record" if choices.patients else "view_pipelines",
        "at": NOW,
        "ip": HERE,
        "mfa": "totp",
        "mfa_age_s": JUST_NOW,
        "reason": "",
    }
    return {**values, "resource": fitting_resource("", values["action"], choices)}


def askable(values: Mapping[str, str], now: datetime) -> dict[str, str]:
    """What takes the place of values that no question can be asked with: a time, a place or an age that is none."""
    found: dict[str, str] = {}
    try:
        moment(values["at"], now)
    except NotATime:
        found["at"] = NOW
    try:
        ip_address(values["ip"].strip())
    except ValueError:
        found["ip"] = HERE
    age = values["mfa_age_s"].strip()
    if age and not _is_age(age):
        found["mfa_age_s"] = JUST_NOW
    return found


def fitting_resource(resource: str, action: str, choices: Choices) -> str:
    """`resource` where `action` can be about it, else the first that it can be about."""
    fitting = [offer.value for offer in _resources(action, choices)]
    return resource if resource in fitting or not fitting else fitting[0]


def request_fields(values: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """The fields of a batch line, as `Decisions.check` takes them. Raises NotATime."""
    fields: dict[str, Any] = {name: values[name].strip() for name in ("user", "action", "resource", "ip", "mfa")}
    at = moment(values["at"], now)
    if at is not None:
        fields["at"] = at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    age = values["mfa_age_s"].strip()
    fields["mfa_age_s"] = int(age) if _is_age(age) else (age or 0)
    if values["reason"].strip():
        fields["reason"] = values["reason"].strip()
    return fields


def moment(text: str, now: datetime) -> datetime | None:
    """The instant that is meant, by the clock of this host where no zone is given; None for now. Raises NotATime."""
    typed = text.strip().lower()
    if typed in ("", NOW):
        return None
    try:
        if (clock := _CLOCK.fullmatch(typed)) is not None:
            word, hour, minute = clock[1] or "today", int(clock[2]), int(clock[3])
            days = _DAYS[word] + (word == "tonight" and hour < 12)
            day = now.astimezone().date() + timedelta(days=days)
            return datetime.combine(day, time(hour, minute)).astimezone()
        if _DAY.fullmatch(typed):
            return datetime.fromisoformat(typed).astimezone()
        instant = datetime.fromisoformat(typed.upper())
        if instant.tzinfo is None:
            raise ValueError(typed)
    except (ValueError, OverflowError, OSError):
        raise NotATime(
            "Time: expected now, a time of day such as 22:00, `tomorrow 03:00`, or 2026-03-01 03:12; a time with Z or "
            "an offset from UTC is taken as it is"
        ) from None
    return instant


def _is_age(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 18


def site_of(address: str, networks: Sequence[tuple[str, str]]) -> str | None:
    """The site of the narrowest known network with `address`; None where there is none, or no address."""
    try:
        found = [(ip_network(cidr, strict=False), site) for cidr, site in networks]
        inside = [(net.prefixlen, site) for net, site in found if ip_address(address) in net]
    except ValueError:
        return None
    return max(inside)[1] if inside else None


_FIXED = {
    "at": (
        Offer(NOW, "the clock of this host"),
        Offer("today 10:00", "a day shift"),
        Offer("tonight 22:00", "a night shift"),
        Offer("tomorrow 03:00", "the small hours"),
        Offer("today 08:00", "a shift's start is part of it"),
        Offer("today 20:00", "its end is not"),
    ),
    "mfa": (
        Offer("totp", "a code of the authenticator"),
        Offer("email", "a code by e-mail: weaker"),
        Offer("none", "a password alone: no session"),
    ),
    "mfa_age_s": (
        Offer("0", "given just now"),
        Offer("60", "a minute ago"),
        Offer(str(FRESH_S), "the oldest that is fresh"),
        Offer(str(FRESH_S + 1), "no longer fresh"),
        Offer("3600", "an hour ago"),
    ),
    "reason": (
        Offer("", "none given"),
        Offer("unconscious in the emergency room", "to break the glass"),
        Offer("request of the data subject", "to erase"),
    ),
}


def _about(action: str) -> str:
    return "patient" if action in _PATIENT else _ABOUT.get(action, "").partition(":")[0]


def _resources(action: str, choices: Choices) -> list[Offer]:
    """What `action` can be about; everything for an action that nobody knows."""
    patients = [Offer(f"patient:{patient}") for patient in choices.patients]
    datasets = [Offer(f"dataset:{domain}", "research projection") for domain in choices.domains]
    if action in _PATIENT:
        return patients
    if action in _ABOUT:
        return datasets if _ABOUT[action] == "dataset" else [Offer(_ABOUT[action])]
    alone = dict.fromkeys(kind for kind in _ABOUT.values() if kind != "dataset")
    return [*(Offer(kind) for kind in alone), *datasets, *patients]


def _places(networks: Sequence[tuple[str, str]]) -> list[Offer]:
    """An address of each known network, and one of none."""
    known: list[Offer] = []
    for cidr, site in networks:
        net = ip_network(cidr, strict=False)
        address = net[1] if net.num_addresses > 1 else net[0]
        known.append(Offer(str(address), f"{site} ({cidr})"))
    unknown = next((one for one in NOBODY_THERE if site_of(one, networks) is None), None)
    return known if unknown is None else [*known, Offer(unknown, "no known network")]
