"""`lakewarden --run-once`: one run without a terminal, for cron and for scripts.

The hour's run is the service's, whoever is signed in, and never waits for the security core. A manual or forced one is
decided for the person who is signed in here; where nobody is, the account of the host asks, and that is the service.
"""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from console.actions.errors import NoSuchRun
from console.actions.pipelines import Pipelines
from console.cli.exits import Exit, UsageError, exit_of_run
from console.cli.live_session import live_session
from console.cli.output import print_json, say
from console.cli.signals import unbroken_from
from console.settings import Settings
from console.wiring.pipelines import pipelines
from etl.cities import cities_of, same_city
from etl.history.claims import run_id_of
from etl.models import City, Trigger, hour_of, rfc3339
from etl.run import RunOutcome, RunRequest

_TIME = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)[T ](\d\d):?(\d\d)?:?(\d\d)?(?:Z|\+00:00)?")


def run_once(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Carry out one run and print it with `--json`. Raises what ends it."""
    manual = bool(arguments.now or arguments.at or arguments.force)
    actions = pipelines(settings, environ, permissions=live_session(arguments, settings, environ) if manual else None)
    setup = actions.service_setup()
    cities = _chosen(arguments.city, setup.cities)
    _tell_dropped(arguments.city or settings.weather.cities)
    now = datetime.now(UTC)
    logical_time = _logical_time(arguments, now, actions, setup.source_name)
    if arguments.verbose and not manual and (paused := actions.overview().paused_since) is not None:
        say(f"the schedule is paused since {rfc3339(paused)}; a run that is asked for goes on")
    request = RunRequest(logical_time, cities, Trigger.MANUAL if manual else Trigger.CRON, force=arguments.force)
    if manual:
        outcome = unbroken_from(lambda hold: actions.run_manually(request, ended=hold))
    else:
        outcome = actions.run_scheduled(request)
    if arguments.json:
        done = outcome.already_loaded == len(cities)
        print_json(actions.run_document(outcome.run_id, already_loaded=done))
    _tell(outcome, logical_time)
    return exit_of_run(outcome)


def parse_time(text: str) -> datetime:
    """An instant in UTC, as RFC 3339, as `2026-11-23T21`, or as `20261123T210000`. Raises `UsageError`."""
    found = _TIME.fullmatch(text.strip())
    try:
        if found:
            return datetime(*(int(part or 0) for part in found.groups()), tzinfo=UTC)  # type: ignore[arg-type, misc]
        instant = datetime.fromisoformat(text.strip())
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"expected a time such as 2026-11-23T21:00:00Z, found {text!r}") from error


def _chosen(names: list[str] | None, configured: tuple[City, ...]) -> tuple[City, ...]:
    """The cities asked for, in their configured spelling where they are configured. Raises `UsageError`."""
    if not names:
        return configured
    known = {same_city(city.name): city for city in configured}
    try:
        return tuple(known.get(same_city(city.name), city) for city in cities_of(names)[0])
    except ValueError as error:
        raise UsageError(str(error)) from error


def _tell_dropped(names: Sequence[str]) -> None:
    for name in cities_of(names)[1]:
        say(f"{name!r} is the same city as one before it in the list, so it is loaded once")


def _logical_time(arguments: Namespace, now: datetime, actions: Pipelines, source: str) -> datetime:
    if arguments.now:
        return now.replace(microsecond=0)
    if not arguments.at:
        return hour_of(now)
    at = parse_time(arguments.at)
    if at > now:
        raise UsageError(f"--at names a time to come ({rfc3339(at)}); it is {rfc3339(now)} now")
    if at != hour_of(at):
        try:
            actions.run(run_id_of(source, at))
        except NoSuchRun as error:
            raise UsageError(
                f"--at takes a full hour in UTC or the time of an earlier --now run; found {rfc3339(at)}"
            ) from error
    return at


def _tell(outcome: RunOutcome, logical_time: datetime) -> None:
    """One line for a run that did not do all it was asked for; nothing otherwise."""
    if outcome.failures:
        first, more = outcome.failures[0], len(outcome.failures) - 1
        say(
            f"{outcome.run_id}: {len(outcome.failures)} of "
            f"{len(outcome.failures) + outcome.loaded + outcome.already_loaded} cities failed: {first}"
            + (f" (and {more} more; see `lakewarden runs show {outcome.run_id}`)" if more else "")
        )
    elif outcome.busy:
        names = ", ".join(city.name for city in outcome.busy[:3])
        say(f"another process is working on {rfc3339(logical_time)} ({names}); nothing was done twice")
