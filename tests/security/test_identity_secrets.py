"""What a thief of the files or a listener at the clock learns: no secret in any byte, no name by its timing."""

from __future__ import annotations

import base64
import ssl
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest

from security.errors import SignInRefused
from security.identity import otp
from security.identity.core import Source
from security.identity.mailer import SmtpMailer
from security.identity.practice import Practice
from tests.security.identities import CHEAP, ELSEWHERE, HERE, PASSWORD, Office, office
from tests.security.mail_server import certificate, mail_server

ROUNDS = 9
COSTLY = replace(CHEAP, time_cost=2, memory_cost=16_384)


def test_no_file_of_the_workspace_holds_a_secret_in_clear(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    files = certificate(tmp_path, "localhost")
    with mail_server(files) as post:
        context = ssl.create_default_context(cafile=str(files[0]))
        mailer = SmtpMailer("localhost", post.port, "lakewarden@example.org", context=context)
        with office(workspace, practice=True, mailer=mailer) as there:
            secrets = _used(there)
            mailed = post.received[-1][1].partition("127.0.0.1: ")[2][:8]
            assert len(mailed) == 8
            secrets.append(mailed.encode())
            found = _found(workspace, secrets)  # while the logs of the databases are there
    assert found == []
    assert _found(workspace, secrets) == []
    assert _found(tmp_path, [b"lakewarden"]) != []  # the scan finds what is there


def _used(there: Office) -> list[bytes]:
    """Use everything that has secrets, and name them in every spelling they could lie in."""
    practice = Practice(there.core)
    practice.create(now=there.now)
    shown = practice.accounts(now=there.now)
    enrolment_code = there.add("someone")
    member = there.enrolled("a-doctor", email="a-doctor@example.org")
    token = member.sign_in().token
    challenge = there.sign_in.begin("a-doctor", PASSWORD, HERE, now=there.now)
    there.sign_in.mail_code(challenge.token, HERE, now=there.now)
    waiting = there.sign_in.begin("someone", enrolment_code, HERE, now=there.now)
    proposal = there.enrolment.propose(waiting.token, HERE, now=there.now)
    mistyped = "this-is-no-name-but-a-password"
    with pytest.raises(SignInRefused):
        there.sign_in.begin(mistyped, "x", HERE, now=there.now)
    codes = [*member.enrolled.recovery_codes, enrolment_code]
    texts = [
        PASSWORD,
        mistyped,
        mistyped.encode().hex()[:32],
        token,
        challenge.token,
        waiting.token,
        proposal.secret,
        *codes,
    ]
    texts += [code.replace("-", "") for code in codes] + [otp.secret_text(member.secret)]
    texts += [one.password for one in shown if one.password]
    raw = [member.secret, base64.b32decode(proposal.secret), bytes.fromhex(token), bytes.fromhex(challenge.token)]
    return [text.encode() for text in texts] + raw + [one.hex().encode() for one in raw]


def _found(folder: Path, secrets: list[bytes]) -> list[tuple[str, bytes]]:
    """Where in the files of `folder`, its key files left out, a secret stands."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".key"]
    assert files
    bodies = {path.name: path.read_bytes().lower() for path in files if not path.name.endswith(("-shm", ".lock"))}
    return [(name, secret) for name, body in bodies.items() for secret in secrets if secret.lower() in body]


def test_an_unknown_name_and_a_wrong_password_look_alike(tmp_path: Path) -> None:
    with office(tmp_path) as there:
        there.enrolled()
        said, events = set(), []
        for user in ("doctor", "nobody", "no body", "x" * 100_000):
            there.audit.events.clear()
            with pytest.raises(SignInRefused) as refusal:
                there.sign_in.begin(user, "wrong", ELSEWHERE, now=there.now)
            said.add((type(refusal.value), str(refusal.value)))
            events.append(len(there.audit.events))
        assert len(said) == 1
        assert events == [1, 1, 1, 1]


def test_an_unknown_name_and_a_wrong_password_take_alike(tmp_path: Path) -> None:
    """By processor time, which the load of the machine does not change; without the dummy hash the ratio is near 0."""
    with office(tmp_path, parameters=COSTLY) as there:
        there.enrolled()
        spent: dict[tuple[str, str], list[float]] = {}
        kinds = [("doctor", "wrong"), ("nobody", "wrong"), ("doctor", "x" * 1_000_000), ("no body", "wrong")]
        for number in range(ROUNDS):
            for user, password in kinds:
                source = Source(str(number), "10.0.0.8")
                started_s = time.process_time()
                with pytest.raises(SignInRefused):
                    there.sign_in.begin(user, password, source, now=there.clock.forward(901))
                spent.setdefault((user, password[:5]), []).append(time.process_time() - started_s)
        usual = median(spent["doctor", "wrong"])
        for kind, times in spent.items():
            assert 0.6 < median(times) / usual < 1.7, (kind, times, usual)
