"""One-time passwords: the RFCs' vectors, each code once, whatever the clock does and whoever else tries it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import segno

from security.errors import SealBroken, SignInRefused
from security.identity import otp
from security.identity.qr import BORDER, enrolment_lines, qr_lines
from tests.security.identities import HERE, START, Clock, Office, office

ROOT = Path(__file__).parents[2]
SECRET = b"12345678901234567890"
# RFC 4226, Appendix D
HOTP = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
# RFC 6238, Appendix B: seconds, then the codes of SHA-1, SHA-256, SHA-512
TOTP = [
    (59, "94287082", "46119246", "90693936"),
    (1111111109, "07081804", "68084774", "25091201"),
    (1111111111, "14050471", "67062674", "99943326"),
    (1234567890, "89005924", "91819424", "93441116"),
    (2000000000, "69279037", "90698825", "38618901"),
    (20000000000, "65353130", "77737706", "47863826"),
]
STEPPING_UP = """
import sys
from datetime import datetime
from pathlib import Path
from security.errors import SignInRefused
from tests.security.identities import HERE, Clock, office
folder, token, code, at = sys.argv[1:]
with office(Path(folder), clock=Clock(datetime.fromisoformat(at))) as there:
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        there.credentials.step_up(token, code, HERE, now=there.now)
        print("accepted")
    except SignInRefused:
        print("refused")
"""


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path) as opened:
        yield opened


def test_the_codes_by_counter_are_those_of_rfc_4226() -> None:
    assert [otp.hotp(SECRET, counter) for counter in range(10)] == HOTP


@pytest.mark.parametrize(("seconds", "sha1", "sha256", "sha512"), TOTP)
def test_the_codes_by_time_are_those_of_rfc_6238(seconds: int, sha1: str, sha256: str, sha512: str) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    for algorithm, size, code in (("sha1", 20, sha1), ("sha256", 32, sha256), ("sha512", 64, sha512)):
        secret = (SECRET * 4)[:size]
        assert otp.totp(secret, at, digits=8, algorithm=algorithm) == code


@pytest.mark.parametrize(("shift_s", "accepted"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_code_of_one_step_before_or_after_is_accepted(shift_s: int, accepted: bool) -> None:
    code = otp.totp(SECRET, START + timedelta(seconds=shift_s))
    found = otp.accepted_step(SECRET, code, START, otp.NEVER)
    assert (found is not None) is accepted
    assert found is None or found == otp.step_at(START) + shift_s // 30


def test_a_code_of_a_used_step_or_an_earlier_one_is_not_accepted() -> None:
    step = otp.step_at(START)
    for shift in (-1, 0, 1):
        code = otp.hotp(SECRET, step + shift)
        assert otp.accepted_step(SECRET, code, START, step + shift) is None
        assert otp.accepted_step(SECRET, code, START, step + shift - 1) == step + shift


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "1" * 1_000_000, "\udcff" * 6, "-12345"])
def test_what_has_not_the_form_of_a_code_is_none(typed: str) -> None:
    assert otp.accepted_step(SECRET, typed, START, otp.NEVER) is None


def test_a_code_signs_in_once(there: Office) -> None:
    member = there.enrolled()
    member.sign_in()
    with pytest.raises(SignInRefused, match="used already"):
        member.sign_in()
    there.clock.forward(30)
    member.sign_in()


def test_a_code_that_was_used_in_advance_counts_for_its_step(there: Office) -> None:
    member = there.enrolled()
    early = member.code(there.now + timedelta(seconds=30))
    session = there.sign_in.begin("doctor", "zebra mosaic lantern 42", HERE, now=there.now)
    there.sign_in.answer(session.token, early, HERE, now=there.now)
    there.clock.forward(30)
    with pytest.raises(SignInRefused):
        member.sign_in()


def test_a_clock_that_goes_back_accepts_no_used_code_again(there: Office) -> None:
    member = there.enrolled()
    used = []
    for _ in range(3):
        used.append((there.now, member.code()))
        member.sign_in()
        there.clock.forward(30)
    for at, code in used:
        there.clock.instant = at
        challenge = there.sign_in.begin("doctor", "zebra mosaic lantern 42", HERE, now=at)
        with pytest.raises(SignInRefused):
            there.sign_in.answer(challenge.token, code, HERE, now=at)


def test_pasted_codes_may_be_grouped(there: Office) -> None:
    member = there.enrolled()
    challenge = there.sign_in.begin("doctor", "zebra mosaic lantern 42", HERE, now=there.now)
    code = member.code()
    there.sign_in.answer(challenge.token, f" {code[:3]} {code[3:]}\n", HERE, now=there.now)


def test_of_two_processes_with_the_same_code_one_wins(tmp_path: Path) -> None:
    with office(tmp_path) as there:
        member = there.enrolled()
        tokens = [member.sign_in().token]
        there.clock.forward(30)
        tokens.append(member.sign_in().token)
        at = there.clock.forward(30)
        code = member.code()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", STEPPING_UP, str(tmp_path), token, code, at.isoformat()],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for token in tokens
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = sorted(process.communicate(timeout=60)[0] for process in processes)
    assert said == ["accepted\n", "refused\n", "refused\n", "refused\n"]


def test_sealed_secrets_cannot_be_exchanged_between_accounts(there: Office) -> None:
    there.enrolled("doctor")
    other = there.enrolled("auditor")
    with there.core.database.transaction() as connection:
        connection.execute(
            "UPDATE authenticator SET sealed = (SELECT sealed FROM authenticator WHERE user = 'doctor') "
            "WHERE user = 'auditor'"
        )
    with pytest.raises(SealBroken):
        other.sign_in()


def test_the_uri_says_what_an_authenticator_needs() -> None:
    parts = urlsplit(otp.otpauth_uri("doctor-nights", SECRET))
    assert (parts.scheme, parts.netloc, parts.path) == ("otpauth", "totp", "/Lakewarden:doctor-nights")
    assert parse_qs(parts.query) == {"secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"], "issuer": ["Lakewarden"]}


@pytest.mark.parametrize("user", ["d", "doctor", "a" * 22, "a" * 32])
def test_the_qr_code_of_any_name_fits_80x24_with_the_secret(user: str) -> None:
    uri = otp.otpauth_uri(user, SECRET)
    lines = enrolment_lines(uri, otp.secret_text(SECRET))
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ" in lines
    assert set("".join(lines[:-2])) <= set(" █▀▄")


def test_the_half_blocks_hold_the_modules_of_the_code() -> None:
    uri = otp.otpauth_uri("doctor", SECRET)
    lines = qr_lines(uri)
    assert lines is not None
    upper, lower = {"█": (0, 0), "▀": (0, 1), "▄": (1, 0), " ": (1, 1)}, []
    for line in lines:
        lower += [[upper[sign][0] for sign in line], [upper[sign][1] for sign in line]]
    modules = [list(row) for row in segno.make_qr(uri, error="l").matrix_iter(border=BORDER)]
    assert lower[: len(modules)] == modules
    assert all(all(row) for row in lower[len(modules) :])


def test_in_ascii_a_module_is_two_characters_and_without_room_the_secret_is_to_be_typed() -> None:
    uri = otp.otpauth_uri("doctor", SECRET)
    lines = qr_lines(uri, columns=100, rows=50, unicode=False)
    assert lines is not None
    assert len(lines[0]) == 2 * len(lines)
    assert set("".join(lines)) == set("# ")
    small = enrolment_lines(uri, otp.secret_text(SECRET), unicode=False)
    assert len(small) <= 24
    assert max(map(len, small)) <= 80
    assert "no QR code" in small[0]
    assert "GEZD GNBV GY3T QOJQ" in small[-1]
    narrow = enrolment_lines(uri, otp.secret_text(SECRET), columns=20, rows=10)
    assert max(map(len, narrow)) <= 20


def test_the_codes_come_from_the_clock_given(tmp_path: Path) -> None:
    later = Clock(datetime(2031, 7, 1, tzinfo=UTC))
    with office(tmp_path, clock=later) as there:
        assert there.enrolled().sign_in().session.factor_at == datetime(2031, 7, 1, 0, 0, 30, tzinfo=UTC)
