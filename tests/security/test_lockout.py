"""Delays after failures: no process wins extra guesses, no stranger locks an owner out, and waiting always ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from security.errors import SignInDelayed, SignInRefused
from security.identity.core import Source
from security.identity.events import SERVICE
from security.identity.sessions import Limits
from security.identity.throttle import ACCOUNT, PAIR, SOURCE, Rule
from tests.security.identities import ELSEWHERE, HERE, PASSWORD, Office, office, refused

ROOT = Path(__file__).parents[2]
GUESSING = """
import sys
from datetime import datetime
from pathlib import Path
from security.errors import SignInDelayed, SignInRefused
from security.identity.core import Source
from tests.security.identities import Clock, office
folder, user, host, tries, at = sys.argv[1:]
compared = 0
with office(Path(folder), clock=Clock(datetime.fromisoformat(at))) as there:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(int(tries)):
        try:
            there.sign_in.begin(user, f"guess {number}", Source(host, "10.9.9.9"), now=there.now)
        except SignInDelayed:
            continue
        except SignInRefused:
            compared += 1
print(compared)
"""


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path) as opened:
        yield opened


def fail(there: Office, times: int, user: str = "doctor", source: Source = HERE) -> None:
    for _ in range(times):
        with pytest.raises(SignInRefused):
            there.sign_in.begin(user, "wrong", source, now=there.now)


def delay(there: Office, user: str = "doctor", source: Source = HERE, password: str = PASSWORD) -> float | None:
    with pytest.raises(SignInDelayed) as told:
        there.sign_in.begin(user, password, source, now=there.now)
    return told.value.retry_after_s


def guess(folder: Path, there: Office, processes: list[tuple[str, str, int]]) -> int:
    """How many guesses were compared by processes that start together: (user, host account, tries) each."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", GUESSING, str(folder), user, host, str(tries), there.now.isoformat()],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for user, host, tries in processes
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return sum(int(process.communicate(timeout=60)[0]) for process in running)


@pytest.mark.parametrize(
    ("failures", "wait_s"), [(0, 0), (4, 0), (5, 1), (6, 2), (9, 16), (14, 512), (15, 900), (99, 900), (10**9, 900)]
)
def test_the_wait_doubles_up_to_its_bound(failures: int, wait_s: int) -> None:
    assert PAIR.wait_ms(failures) == wait_s * 1000


@pytest.mark.parametrize("rule", [PAIR, ACCOUNT])
def test_no_lane_admits_more_than_a_hundred_failures_in_a_row(rule: Rule) -> None:
    assert rule.closes_at is not None
    assert rule.closes_at <= 100


def test_after_the_free_failures_the_right_password_has_to_wait_too(there: Office) -> None:
    member = there.enrolled()
    fail(there, PAIR.free)
    assert delay(there) == 1.0
    there.clock.forward(1)
    member.sign_in()


def test_while_it_waits_tries_neither_count_nor_prolong(there: Office) -> None:
    member = there.enrolled()
    fail(there, PAIR.free)
    for _ in range(50):
        assert delay(there, password="wrong") == 1.0
    there.clock.forward(1)
    member.sign_in()


def test_a_sign_in_forgets_the_failures(there: Office) -> None:
    member = there.enrolled()
    fail(there, PAIR.free - 1)
    member.sign_in()
    fail(there, PAIR.free)
    assert delay(there) == 1.0


def test_a_right_password_alone_counts_nothing_and_forgets_nothing(there: Office) -> None:
    there.enrolled()
    fail(there, PAIR.free - 1)
    for _ in range(20):
        there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    fail(there, 1)
    assert delay(there) == 1.0


def test_wrong_codes_are_counted_with_wrong_passwords(there: Office) -> None:
    member = there.enrolled()
    challenge = there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    for _ in range(PAIR.free):
        with pytest.raises(SignInRefused):
            there.sign_in.answer(challenge.token, member.wrong_code(), HERE, now=there.now)
    with pytest.raises(SignInDelayed):
        there.sign_in.answer(challenge.token, member.code(), HERE, now=there.now)
    assert delay(there) == 1.0


def test_strangers_do_not_delay_the_owner_where_the_owner_has_signed_in(there: Office) -> None:
    member = there.enrolled()
    for number in range(40):  # from everywhere else, until nobody there is admitted
        source = Source(str(2000 + number), "10.0.0.9")
        for _ in range(PAIR.free):
            with pytest.raises((SignInRefused, SignInDelayed)):
                there.sign_in.begin("doctor", "wrong", source, now=there.now)
    assert delay(there, source=ELSEWHERE) is not None
    member.sign_in(HERE)


def test_all_strangers_together_have_few_guesses(there: Office) -> None:
    there.enrolled()
    compared = 0
    for number in range(30):
        for _ in range(PAIR.free):
            try:
                there.sign_in.begin("doctor", "wrong", Source(str(number + 2000), "10.0.0.9"), now=there.now)
            except SignInDelayed:
                continue
            except SignInRefused:
                compared += 1
    assert compared == ACCOUNT.free


def test_one_password_tried_on_many_names_is_delayed(there: Office) -> None:
    for number in range(SOURCE.free):
        fail(there, 1, user=f"name-{number}", source=ELSEWHERE)
    assert delay(there, user="one-more", source=ELSEWHERE) == 1.0
    there.add("one-more")
    there.accounts.reset("one-more", by=SERVICE, now=there.now)
    assert delay(there, user="one-more", source=ELSEWHERE) == 1.0


def test_a_source_that_is_delayed_does_not_tell_who_has_signed_in_there(there: Office) -> None:
    member = there.enrolled()
    for number in range(SOURCE.free):
        fail(there, 1, user=f"name-{number}")
    assert delay(there, "doctor") == delay(there, "nobody") == 1.0
    there.clock.forward(1)
    member.sign_in()


def test_what_succeeds_is_no_failure_of_its_source(there: Office) -> None:
    member = there.enrolled()
    for _ in range(SOURCE.free // 2 + 1):
        token = member.sign_in().token
        there.clock.forward(30)
        there.credentials.step_up(token, member.code(), HERE, now=there.now)
        there.clock.forward(30)
    assert there.core.database.query("SELECT * FROM lane") == []


@pytest.mark.parametrize("way", ["a sign-in", "a recovery code", "a reset"])
def test_a_step_up_that_is_closed_is_opened_as_a_sign_in_is(tmp_path: Path, way: str) -> None:
    with office(tmp_path, limits=Limits(timedelta(days=30), timedelta(days=30))) as there:
        member = there.enrolled()
        token = member.sign_in().token
        assert PAIR.closes_at is not None
        for _ in range(PAIR.closes_at):
            there.clock.forward(PAIR.longest_wait_s)
            with pytest.raises(SignInRefused):
                there.credentials.step_up(token, member.wrong_code(), HERE, now=there.now)
        there.clock.forward(86_400)
        with pytest.raises(SignInDelayed, match="sign out and sign in again") as told:
            there.credentials.step_up(token, member.code(), HERE, now=there.now)
        assert told.value.retry_after_s is None
        match way:
            case "a sign-in":
                token = member.sign_in().token
            case "a recovery code":
                code = member.enrolled.recovery_codes[0]
                token = there.sign_in.recover("doctor", PASSWORD, code, HERE, now=there.now).token
            case _:
                there.accounts.reset("doctor", by=SERVICE, now=there.now)
                assert there.core.database.query("SELECT * FROM lane WHERE owner <> ''") == []
                return
        there.clock.forward(30)
        there.credentials.step_up(token, member.code(), HERE, now=there.now)


def test_a_step_up_that_waits_says_what_helps(there: Office) -> None:
    member = there.enrolled()
    token = member.sign_in().token
    there.clock.forward(30)
    for _ in range(PAIR.free):
        with pytest.raises(SignInRefused):
            there.credentials.step_up(token, member.wrong_code(), HERE, now=there.now)
    with pytest.raises(SignInDelayed, match=r"not tried again for 1 s\. To go on at once, sign out and sign in again"):
        there.credentials.step_up(token, member.code(), HERE, now=there.now)
    for number in range(SOURCE.free - PAIR.free):
        fail(there, 1, user=f"name-{number}")
    with pytest.raises(SignInDelayed, match="You stay signed in"):
        there.credentials.step_up(token, member.code(), HERE, now=there.now)
    there.clock.forward(1)
    there.credentials.step_up(token, member.code(), HERE, now=there.now)


def test_no_name_that_is_typed_at_the_sign_in_delays_a_step_up(there: Office) -> None:
    member = there.enrolled()
    token = member.sign_in().token
    there.clock.forward(30)
    for user in ("within:doctor", "within-doctor", "doctor"):
        fail(there, PAIR.free, user=user)
    there.credentials.step_up(token, member.code(), HERE, now=there.now)


def test_names_that_no_account_has_are_delayed_alike(there: Office) -> None:
    there.enrolled()
    for user in ("doctor", "nobody"):
        fail(there, PAIR.free, user=user, source=ELSEWHERE)
    assert delay(there, "doctor", ELSEWHERE) == delay(there, "nobody", ELSEWHERE) == 1.0


def test_spellings_of_a_name_share_their_count(there: Office) -> None:
    there.enrolled()
    for user in ("doctor", "DOCTOR", " doctor", "doctor\n", "Doctor "):
        fail(there, 1, user=user)
    assert delay(there) == 1.0


def test_a_closed_lane_is_closed_however_long_one_waits_and_a_reset_opens_it(there: Office) -> None:
    there.enrolled()
    assert PAIR.closes_at is not None
    for _ in range(PAIR.closes_at):
        there.clock.forward(PAIR.longest_wait_s)
        fail(there, 1)
    there.clock.forward(86_400)
    assert delay(there) is None
    code = there.accounts.reset("doctor", by=SERVICE, now=there.now)
    challenge = there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    there.enrolment.propose(challenge.token, HERE, now=there.now, enrolment_code=code)


def test_a_clock_that_goes_back_does_not_stretch_the_wait(there: Office) -> None:
    member = there.enrolled()
    fail(there, PAIR.free)
    there.clock.instant -= timedelta(days=400)
    assert delay(there) == 1.0
    there.clock.instant += timedelta(days=400)
    member.sign_in()


def test_a_clock_that_goes_back_gives_no_new_guesses(there: Office) -> None:
    there.enrolled()
    fail(there, PAIR.free)
    for _ in range(20):
        there.clock.instant -= timedelta(days=3)
        assert delay(there) is not None


def test_processes_that_guess_at_once_win_no_guess(tmp_path: Path) -> None:
    with office(tmp_path) as there:
        there.enrolled()
        assert guess(tmp_path, there, [("doctor", "2000", 12)] * 4) == PAIR.free


def test_processes_at_many_sources_share_the_guesses_of_strangers(tmp_path: Path) -> None:
    with office(tmp_path) as there:
        there.enrolled()
        each = [("doctor", str(2000 + number), PAIR.free) for number in range(6)]
        assert guess(tmp_path, there, each) == ACCOUNT.free


def test_every_refusal_is_in_the_audit_log_with_its_reason(there: Office) -> None:
    member = there.enrolled()
    fail(there, PAIR.free)
    delay(there)
    fail(there, 1, user="nobody")
    there.clock.forward(1)
    challenge = there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    with pytest.raises(SignInRefused):
        there.sign_in.answer(challenge.token, member.wrong_code(), HERE, now=there.now)
    expected = ["wrong_password"] * PAIR.free + ["delayed", "unknown_user", "wrong_code"]
    assert refused(there.audit.events) == expected
