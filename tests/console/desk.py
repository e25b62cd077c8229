"""A desk in a prepared practice workspace: commands in this process, whose clock the test sets, and the audit log.

Whether a doctor is on shift depends on the hour, so a process of its own could not be asked at noon every day.
"""

from __future__ import annotations

import contextlib
import io
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

from console.actions.seat import InMemory
from console.cli.exits import exit_of
from console.cli.main import EXPECTED
from console.cli.output import say
from console.cli.parser import build_parser
from console.wiring.security import Security
from security.audit.event import Event, decode
from security.policy.columns import PATIENT_COLUMNS
from security.records.models import Grant, Record
from security.records.reading import Reading
from tests.conftest import Ended, SteppableClock, wait_until
from tests.practice import account_of, opened, sit_down

LASTING = timedelta(minutes=2)  # a test that uses processes is done by then
EVERYTHING = Grant("service", "service", dict.fromkeys(PATIENT_COLUMNS, "clear"), None)


@dataclass(frozen=True)
class Desk:
    """Called with a command, it carries it out as the command line does, for whoever sat down."""

    security: Security
    clock: SteppableClock

    def sit_down(self, user: str) -> None:
        sit_down(self.security, user)

    def code_of(self, user: str) -> bytes:
        """A line with the code of the authenticator that is good now."""
        return f"{account_of(self.security, user).code}\n".encode()

    def pass_time(self, seconds: float) -> None:
        """Let time pass for somebody who works all the time: the idle limit is never reached."""
        while seconds > 0:
            self.clock.advance(min(600.0, seconds))
            self.security.seat.touch()
            seconds -= 600.0

    def __call__(self, *argv: str, stdin: bytes = b"") -> Ended:
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
        given = io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
        with patch.object(sys, "stdin", given), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = self._carry_out(argv)
        return Ended(code, _written(out), _written(err))

    def _carry_out(self, argv: tuple[str, ...]) -> int:
        try:
            arguments: Namespace = build_parser().parse_args(argv)
            arguments.security = self.security
            self.security.seat.touch()
            module, _, function = arguments.handler.partition(":")
            handler = getattr(import_module(f"console.cli.{module}"), function)
            with ExitStack() as arguments.at_end:
                return int(handler(arguments, self.security.settings, {}))
        except EXPECTED as error:
            say(str(error))
            return int(exit_of(error))

    def patient(self, *assigned: str, but: str | None = None, number: int = 0) -> str:
        """The id of a patient who is assigned to `assigned` and nobody else."""
        found = [one.patient_id for one in self.security.admission.all_facts() if set(one.assigned) == set(assigned)]
        return [one for one in found if one != but][number]

    def records(self) -> list[Record]:
        """Every record with every column in clear."""
        return all_records(self.security)

    def history(self, patient: str) -> list[str]:
        """Every version of every entry."""
        return [one.text for one in Reading(self.security.clinical).versions(patient, EVERYTHING)]

    def size(self) -> int:
        """How many events there are."""
        return len(self.bodies())

    def bodies(self, since: int = 0) -> list[bytes]:
        """The events from the one numbered `since` on, as they stand in the log."""
        rows = self.security.audit._database.query("SELECT body FROM event ORDER BY seq")
        return [row[0].encode() for row in rows][since:]

    def events(self, since: int = 0) -> list[Event]:
        return [decode(body) for body in self.bodies(since)]

    def subject(self, patient: str) -> str:
        """The pseudonym of a patient."""
        return self.security.audit.keys.pseudonym(f"patient:{patient}")


@contextmanager
def desk_at(home: Path, hour: int = 12) -> Iterator[Desk]:
    """A desk in `home`, where it is that hour of tomorrow, in UTC: after all that the practice data tell."""
    clock = SteppableClock((datetime.now(UTC) + timedelta(days=1)).replace(hour=hour, minute=0, second=3))
    with closing(opened(home, {}, keeper=InMemory(), clock=clock)) as security:
        yield Desk(security, clock)


def all_records(security: Security) -> list[Record]:
    """Every record with every column in clear."""
    ids = [one.patient_id for one in security.admission.all_facts()]
    return Reading(security.clinical).records(ids, EVERYTHING)


def identifiers_of(records: list[Record]) -> dict[str, set[str]]:
    """What of the patients must not be seen by those who may not: column → values."""
    columns = ("name", "ssn", "insurance_id", "email", "address", "birth_date", "phone")
    return {column: {str(record.columns[column]) for record in records} for column in columns}


def doctor_on_shift() -> str:
    """The practice doctor whom a process of its own finds on shift now, and for two minutes more."""

    def at(instant: datetime) -> str:
        return "doctor" if 8 <= instant.hour < 20 else "doctor-nights"

    def is_settled() -> bool:
        return at(datetime.now(UTC)) == at(datetime.now(UTC) + LASTING)

    wait_until(is_settled, timeout_s=LASTING.total_seconds() + 10)
    return at(datetime.now(UTC))


def _written(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
