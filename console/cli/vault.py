"""`lakewarden vault`: the keys of the records, their rotation while others read, and a check of all that is sealed."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import timedelta

from console.cli.exits import Exit
from console.cli.output import print_json, print_table, say
from console.cli.progress import ProgressLine, stoppable
from console.cli.session import security_of, with_fresh_code
from console.cli.signals import EndedBySignal
from console.settings import Settings
from console.wiring import security_actions
from etl.models import rfc3339
from security.vault.status import VaultStatus


def status(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Print the keys. Raises PermissionDenied, SecurityError."""
    security = security_of(arguments, settings, environ)
    found = with_fresh_code(arguments, security, security_actions.vault_actions(security).status)
    if arguments.json:
        print_json(_as_json(found))
        return Exit.DONE
    print_table(
        ["key", "first used", "age", "data keys", "state"],
        [
            [one.id, rfc3339(one.first_used_at), _age(one.age), f"{one.data_keys:,}", "current" if one.current else ""]
            for one in found.keks
        ],
    )
    rotated = "never rotated" if found.rotated_at is None else f"last rotated {rfc3339(found.rotated_at)}"
    print(f"\n{found.algorithm}, {found.data_keys:,} data keys, {rotated}")
    if found.rotating is not None:
        say(f"the rotation to {found.rotating} is not finished; `lakewarden vault rotate` goes on with it")
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
    """Open all that is sealed; exit 65 where something does not open.

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
    if arguments.json:
        print_json({"ok": not problems, "problems": problems})
    elif problems:
        print_table(["problem"], [[problem] for problem in problems])
    else:
        print("every sealed value opens")
    return Exit.DATA if problems else Exit.DONE


def _unfinished(line: ProgressLine) -> Callable[[int, int], None]:
    """Draws the line until all is done: nothing is summed up afterwards."""

    def progress(done: int, whole: int) -> None:
        if done < whole:
            line(done, whole)

    return progress


def _as_json(found: VaultStatus) -> dict[str, object]:
    return {
        "algorithm": found.algorithm,
        "data_keys": found.data_keys,
        "rotated_at": None if found.rotated_at is None else rfc3339(found.rotated_at),
        "rotating": found.rotating,
        "keys": [
            {"id": one.id, "first_used_at": rfc3339(one.first_used_at), "age_s": int(one.age.total_seconds()),
             "data_keys": one.data_keys, "current": one.current}
            for one in found.keks
        ],
    }  # fmt: skip


def _age(age: timedelta) -> str:
    """The age in the largest unit that tells something."""
    if age.days:
        return f"{age.days} d"
    hours, seconds = divmod(age.seconds, 3_600)
    return f"{hours} h" if hours else f"{seconds // 60} min"
