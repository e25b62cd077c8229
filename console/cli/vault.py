"""`lakewarden vault`: the keys of the records, their rotation while others read, and a check of all that is sealed."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta

from console.cli.exits import Exit
from console.cli.output import print_json, print_table, say
from console.cli.progress import ProgressLine, stoppable
from console.cli.session import security_of, with_fresh_code
from console.cli.signals import EndedBySignal
from console.settings import Settings
from console.wiring import security_actions
from console.wiring.key_folder import (
    CUSTOMERS,
    DATA_KEYS,
    SECRETS,
    KeyUse,
    extra_keys,
    key_ring,
    key_uses,
    missing_keys,
    told,
)
from etl.models import rfc3339
from security.vault.keys import PURPOSE
from security.vault.status import KekStatus, VaultStatus

CURRENT, MISSING, REMOVED = "current", "missing", "removed"


@dataclass(frozen=True, slots=True)
class _Key:
    """A key-encryption key: what the records know of it, how many of what it has sealed, and how it stands."""

    id: str
    kek: KekStatus | None
    sealed: dict[str, int]
    state: str


def status(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Print the keys. Raises PermissionDenied, SecurityError."""
    security = security_of(arguments, settings, environ)
    found = with_fresh_code(arguments, security, security_actions.vault_actions(security).status)
    uses, unread = key_uses(settings)
    keys = _keys(found, settings, uses)
    for why in unread:
        say(f"what keys seal there is not counted: {why}")
    if arguments.json:
        print_json(_as_json(found, keys))
        return Exit.DONE
    print_table(
        ["key", "first used", "age", "data keys", "secrets", "customers", "state"],
        [[one.id, *_first_use(one.kek), *(f"{count:,}" for count in one.sealed.values()), one.state] for one in keys],
        spare=["age", "first used"],
    )
    rotated = "never rotated" if found.rotated_at is None else f"last rotated {rfc3339(found.rotated_at)}"
    print(f"\n{found.algorithm}, {found.data_keys:,} data keys, {rotated}")
    if found.rotating is not None:
        say(f"the rotation to {found.rotating} is not finished; `lakewarden vault rotate` goes on with it")
    if stay := [one.id for one in keys if one.state != CURRENT and (one.sealed[SECRETS] or one.sealed[CUSTOMERS])]:
        say(
            "a rotation wraps data keys anew; secrets and customers stay under the key that sealed them: keep "
            f"{', '.join(f'{PURPOSE}-{key_id}.key' for key_id in stay)}"
        )
    return Exit.DONE


def rotate(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Exchange the key of the data keys. Raises PermissionDenied, SecurityError, EndedBySignal."""
    security = security_of(arguments, settings, environ)
    actions = security_actions.vault_actions(security)
    with closing(ProgressLine("data keys", environ)) as line:
        try:
            done = with_fresh_code(
                arguments,
                security,
                lambda: stoppable(lambda stop: actions.rotate(progress=_unfinished(line), stop=stop.is_set)),
            )
        except EndedBySignal:
            say("if the rotation was not finished, `lakewarden vault rotate` goes on with it")
            raise
    if arguments.json:
        print_json({"key": done.kek_id, "rewrapped": done.rewrapped, "broken": list(done.broken)})
    else:
        print(f"{done.kek_id} is current; {done.rewrapped:,} data keys were wrapped anew")
    if done.broken:
        say(f"{len(done.broken):,} data keys do not open and were left as they are: {', '.join(done.broken[:20])}")
        return Exit.PARTLY
    return Exit.DONE


def check(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Open every sealed value of the records, compare with the audit log, and look for every key.

    Exit 65 where one does not open, is missing, or is otherwise than on record.

    Raises PermissionDenied, SecurityError, EndedBySignal.
    """
    security = security_of(arguments, settings, environ)
    actions = security_actions.vault_actions(security)
    with closing(ProgressLine("patients", environ)) as line:
        problems = with_fresh_code(
            arguments,
            security,
            lambda: stoppable(lambda stop: actions.problems(progress=_unfinished(line), stop=stop.is_set)),
        )
    uses, unread = key_uses(settings)
    missing = missing_keys(settings, uses)
    problems += [f"{settings.keys_dir}: expected {told(use)}, found no such file" for use in missing] + unread
    problems += extra_keys(settings)
    if arguments.json:
        print_json({"ok": not problems, "problems": problems})
    elif problems:
        print_table(["problem"], [[problem] for problem in problems])
    else:
        print("every sealed value of the records opens; edits, assignments and accounts are as the audit log says")
    return Exit.DATA if problems else Exit.DONE


def _unfinished(line: ProgressLine) -> Callable[[int, int], None]:
    """Draws the line until all is done: nothing is summed up afterwards."""

    def progress(done: int, whole: int) -> None:
        if done < whole:
            line(done, whole)

    return progress


def _keys(found: VaultStatus, settings: Settings, everything: Sequence[KeyUse]) -> list[_Key]:
    """Every key that is there or has sealed something, those of the records first. Raises OSError."""
    uses = [use for use in everything if use.purpose == PURPOSE]
    counts = {(use.key_id, use.sealed): use.count for use in uses}
    there = key_ring(settings).ids()
    known = {kek.id: kek for kek in found.keks}
    ids = dict.fromkeys([*known, *there, *(use.key_id for use in uses if use.key_id is not None)])
    keys = []
    for key_id in ids:
        sealed = {what: counts.get((key_id, what), 0) for what in (DATA_KEYS, SECRETS, CUSTOMERS)}
        gone = MISSING if any(sealed.values()) else REMOVED
        state = gone if key_id not in there else CURRENT if key_id == there[-1] else ""
        keys.append(_Key(key_id, known.get(key_id), sealed, state))
    return keys


def _first_use(kek: KekStatus | None) -> tuple[str, str]:
    return ("", "") if kek is None else (rfc3339(kek.first_used_at), _age(kek.age))


def _as_json(found: VaultStatus, keys: Sequence[_Key]) -> dict[str, object]:
    return {
        "algorithm": found.algorithm,
        "data_keys": found.data_keys,
        "rotated_at": None if found.rotated_at is None else rfc3339(found.rotated_at),
        "rotating": found.rotating,
        "keys": [
            {
                "id": one.id,
                "first_used_at": None if one.kek is None else rfc3339(one.kek.first_used_at),
                "age_s": None if one.kek is None else int(one.kek.age.total_seconds()),
                "data_keys": one.sealed[DATA_KEYS],
                "secrets": one.sealed[SECRETS],
                "customers": one.sealed[CUSTOMERS],
                "current": one.state == CURRENT,
                "missing": one.state == MISSING,
            }
            for one in keys
        ],
    }


def _age(age: timedelta) -> str:
    """The age in the largest unit that tells something."""
    if age.days:
        return f"{age.days} d"
    hours, seconds = divmod(age.seconds, 3_600)
    return f"{hours} h" if hours else f"{seconds // 60} min"
