"""Events: bounded, without personal data, and canonical to the byte."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.audit.event import Decision, Event, Kind, Outcome, decode
from security.audit.keys import AuditKeys
from security.audit.sealed import open_reason, seal_reason
from security.errors import AuditEventRefused, SealBroken
from security.vault.keys import Key
from tests.security.audit_logs import event

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
words = st.from_regex(r"[a-z][a-z0-9_-]{0,63}", fullmatch=True)
digits = st.from_regex(r"[0-9a-f]{32}", fullmatch=True)
names = st.lists(st.from_regex(r"[A-Za-z][A-Za-z0-9._:/-]{0,20}", fullmatch=True), max_size=5).map(tuple)
events = st.builds(
    Event,
    at=st.integers(0, 7_258_118_400_000_000).map(lambda us: EPOCH + timedelta(microseconds=us)),
    kind=st.sampled_from(Kind),
    action=words,
    outcome=st.sampled_from(Outcome),
    principal=words,
    role=words,
    resource=words,
    subject=st.none() | digits,
    decision=st.none() | st.sampled_from(Decision),
    policies=names,
    session=st.none() | digits,
    address=st.none() | st.ip_addresses().map(str),
    columns=names,
    count=st.none() | st.integers(0, 2**53 - 1),
    code=st.none() | words,
    correlation=st.none() | digits,
    sealed=st.none() | st.just("0001-00000000:" + "A" * 80),
)


@given(events)
def test_the_encoding_is_canonical_json_and_comes_back(one: Event) -> None:
    body = one.encode()
    fields = json.loads(body)
    assert json.dumps(fields, sort_keys=True, separators=(",", ":")).encode() == body
    assert decode(body) == one


def test_an_instant_is_whole_microseconds_in_utc() -> None:
    there = datetime(2026, 3, 1, 9, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    assert json.loads(event(at=there).encode())["at"] == 1772350200123456
    assert decode(event(at=there).encode()).at == there


@pytest.mark.parametrize(
    "fields",
    [
        {"resource": "patient:P0007"},
        {"resource": "record:123-45-6789"},
        {"principal": "123-45-6789"},
        {"principal": "someone with spaces"},
        {"principal": 'x","decision":"allow'},
        {"subject": "patient:P0007"},
        {"action": "view\nrecord"},
        {"code": "The patient said so"},
        {"policies": ("123-45-6789",)},
        {"policies": ("a",) * 33},
        {"columns": ("x" * 65,)},
        {"session": "the token itself"},
        {"address": "somewhere"},
        {"address": "127.0.0.1%eth0"},
        {"address": "fe80::1%eth0"},
        {"count": -1},
        {"count": 2**53},
        {"sealed": "a reason in clear"},
        {"at": EPOCH.replace(tzinfo=None)},
    ],
)
def test_what_is_out_of_bounds_or_names_a_patient_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(AuditEventRefused) as caught:
        event(**fields)
    for value in fields.values():
        if isinstance(value, str):
            assert value not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b"\xff",
        event().encode().replace(b'"v":1', b'"v":2'),
        event().encode().replace(b'"v":1', b'"v":1,"x":1'),
        event().encode().replace(b",", b", "),
        event().encode().replace(b'"count":0', b'"count":"0"'),
        event().encode().replace(b'"count":0', b'"count":1.5'),
        event().encode().replace(b'"kind":"disclosure"', b'"kind":"other"'),
        b"[" * 100_000,
    ],
)
def test_only_a_canonical_event_of_this_version_is_read(body: bytes) -> None:
    with pytest.raises(AuditEventRefused):
        decode(body)


def keys(material: bytes = bytes(32)) -> AuditKeys:
    return AuditKeys.of(Key("0001-00000000", material))


def test_a_pseudonym_is_stable_keyed_and_tells_nothing() -> None:
    pseudonym = keys().pseudonym("patient:P0007")
    assert pseudonym == keys().pseudonym("patient:P0007")
    assert event(subject=pseudonym).subject == pseudonym
    assert pseudonym != keys(b"k" * 32).pseudonym("patient:P0007")
    assert pseudonym != keys().pseudonym("patient:P0008")


def test_a_reason_is_sealed_and_bound_to_its_event() -> None:
    reason = "unconscious,\n no relatives known"
    sealed = seal_reason(reason, keys(), correlation="a" * 32)
    body = event(sealed=sealed, correlation="a" * 32).encode()
    assert b"unconscious" not in body
    assert open_reason(sealed, keys(), correlation="a" * 32) == "unconscious, no relatives known"
    with pytest.raises(SealBroken):
        open_reason(sealed, keys(), correlation="b" * 32)


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501, "\ud800"])
def test_a_reason_has_bounds(reason: str) -> None:
    with pytest.raises(AuditEventRefused):
        seal_reason(reason, keys(), correlation="a" * 32)


def test_the_longest_reason_fits_into_an_event() -> None:
    sealed = seal_reason("\U0001f600" * 500, keys(), correlation="a" * 32)
    assert decode(event(sealed=sealed).encode()).sealed == sealed
