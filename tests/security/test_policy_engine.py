"""The engine: default deny, errors deny, forbids win, unsound policy sets refuse everything."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cedarpy
import pytest

from security.errors import PolicyRefused, StoreBusy
from security.policy.cedar_request import cedar_entities
from security.policy.columns import IDENTIFYING, PATIENT_COLUMNS
from security.policy.engine import Engine, RefuseAll, open_engine
from security.policy.facts import PatientFacts
from security.policy.model import Action, Factor, Request, Visibility
from security.policy.situation import survey
from security.policy.source import PolicySource, read_source
from tests.security.truth_table import ACTIONS, DATASET_ACTIONS, OTHER_ACTIONS, PATIENT_ACTIONS, ROLES
from tests.security.ward import NIGHT, NOON, Ward, request, ward

PERMIT_ALL = '@id("all") @says("Everything.") permit (principal, action, resource);'
OVERFLOWS = "context.factor_age_s + 9223372036854775807 > 0"
RESOURCES = (
    "patient:P1", "dataset:oncology", "warehouse", "pipeline:weather", "audit", "compliance", "keys", "partners",
    "users", "retention",
)  # fmt: skip


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(read_source())


def source(*policies: str) -> PolicySource:
    return PolicySource(read_source().schema, (("test.cedar", "\n".join(policies)),))


def test_the_policies_of_the_package_are_sound_and_formatted() -> None:
    text = read_source()
    assert cedarpy.validate_policies(text.text, text.schema).validation_passed
    for name, policies in text.files:
        assert cedarpy.format_policies(policies, 80, 2) == policies, name


def test_every_error_of_evaluation_denies_even_where_cedar_would_allow() -> None:
    """Cedar skips a forbid that fails to evaluate and allows; the engine must not."""
    forbid = f'@id("broken") @says("x") forbid (principal, action, resource) when {{ {OVERFLOWS} }};'
    cedar = cedarpy.is_authorized(
        {"principal": 'User::"a"', "action": 'Action::"b"', "resource": 'Users::"c"', "context": {"factor_age_s": 1}},
        PERMIT_ALL + forbid,
        [],
    )
    assert cedar.allowed
    assert len(cedar.diagnostics.errors) == 1
    decision = Engine(source(PERMIT_ALL, forbid)).decide(request(mfa_age_s=1), ward())
    assert not decision.allowed
    assert "broken" in decision.errors[0]
    assert decision.determining == ()
    assert set(decision.columns.values()) == {Visibility.DENIED}


def test_an_error_in_one_permit_denies_what_another_would_permit() -> None:
    broken = f'@id("broken") @says("x") permit (principal, action, resource) when {{ {OVERFLOWS} }};'
    engine = Engine(source(PERMIT_ALL, broken))
    assert not engine.decide(request(mfa_age_s=1), ward()).allowed
    assert engine.decide(request(mfa_age_s=0), ward()).allowed


def test_a_forbid_wins_over_every_permit() -> None:
    forbid = '@id("held") @says("x") forbid (principal, action, resource) when { resource.legal_hold };'
    narrow = forbid.replace("action,", 'action == Action::"view_record",')
    engine = Engine(source(PERMIT_ALL, PERMIT_ALL.replace('"all"', '"all-again"'), narrow))
    assert engine.decide(request(resource="patient:P1"), ward()).determining == ("all", "all-again")
    denied = engine.decide(request(resource="patient:P3"), ward())
    assert (denied.allowed, denied.determining) == (False, ("held",))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (request(resource="warehouse"), "resource: view_record is about patient:ID, found 'warehouse'"),
        (request("operator", "trigger_run", "audit"), "resource: trigger_run is about pipeline:weather, found 'audit'"),
        (request("data_scientist", "query_research", "keys"), "query_research is about dataset:DOMAIN, found 'keys'"),
        (request("officer", "rotate_keys", "patient:P1"), "rotate_keys is about keys, found 'patient:P1'"),
        (request("service", mfa=Factor.HOST), "user: view_record is not for the service"),
    ],
)
def test_a_request_that_does_not_fit_the_schema_says_what_the_action_is_about(asked: Request, words: str) -> None:
    decision = Engine(read_source()).decide(asked, ward())
    assert not decision.allowed
    assert len(decision.errors) == 1
    assert decision.errors[0].endswith(words)


def test_a_policy_without_words_is_explained_by_its_own_text() -> None:
    lone = '@id("lone") @says("x") permit (principal, action, resource) when { context.factor_age_s > 5 };'
    decision = Engine(source(lone)).decide(request(), ward())
    assert [(why.policy, why.because) for why in decision.why_not] == [
        ("lone", "when { (context.factor_age_s) > 5 } does not hold")
    ]


def test_what_no_policy_permits_is_denied_with_no_policy_determining() -> None:
    only_officers = '@id("officers") @says("x") permit (principal in Role::"officer", action, resource);'
    decision = Engine(source(only_officers)).decide(request(), ward())
    assert (decision.allowed, decision.determining, decision.errors) == (False, (), ())
    assert [why.because for why in decision.why_not] == ["for the role officer: it was the role doctor"]


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        ("", "found none"),
        ("// nothing but a comment", "found none"),
        ("permit (principal, action, resource", "unexpected"),
        (PERMIT_ALL + PERMIT_ALL, "an @id of its own"),
        ("permit (principal, action, resource);", "an @id of its own"),
        ('@id("a") permit (principal, action, resource);', "@says"),
        ('@id("a") @says("b") @clear("everything") permit (principal, action, resource);', "everything"),
        ('@id("a") @says("b") @obliges("shouting") permit (principal, action, resource);', "shouting"),
        ('@id("a") @says("b") @note("c") permit (principal, action, resource);', "note"),
        ('@id("a") @says("b") permit (principal, action, resource) when { context.rank > 3 };', "rank"),
        ('@id("a") @says("b") permit (principal, action == Action::"fly", resource);', "fly"),
        ('@id("a") @says("b") permit (principal == User::"eve", action, resource);', "User named"),
        ('@id("a") @says("b") permit (principal, action, resource == Patient::"P1");', "Patient named"),
        ('@id("a") @says("b") permit (principal == ?principal, action, resource);', "found none"),
    ],
)
def test_an_unsound_policy_set_is_refused_and_then_refuses_everything(policies: str, words: str) -> None:
    with pytest.raises(PolicyRefused, match="nothing is permitted") as raised:
        Engine(source(policies))
    assert words in str(raised.value)
    stand_in = open_engine(source(policies))
    assert isinstance(stand_in, RefuseAll)
    for role in ROLES:
        for action in ACTIONS:
            decision = stand_in.decide(request(role, action, "patient:P1"), ward())
            assert not decision.allowed
            assert decision.errors == (stand_in.problem,)
            assert Visibility.CLEAR not in decision.columns.values()


def test_a_template_beside_policies_is_refused() -> None:
    template = '@id("t") @says("b") permit (principal == ?principal, action, resource);'
    with pytest.raises(PolicyRefused, match="template"):
        Engine(source(PERMIT_ALL, template))


def test_policies_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyRefused, match="cannot be read"):
        read_source(tmp_path / "absent")
    with pytest.raises(PolicyRefused, match="cannot be read"):
        read_source(tmp_path)  # no schema
    (tmp_path / "schema.cedarschema").write_text(read_source().schema, encoding="utf-8")
    with pytest.raises(PolicyRefused, match="found none"):
        Engine(read_source(tmp_path))
    (tmp_path / "a.cedar").write_bytes(b"\xff\xfe")
    with pytest.raises(PolicyRefused, match="cannot be read"):
        read_source(tmp_path)


def test_a_schema_that_is_none_is_refused() -> None:
    with pytest.raises(PolicyRefused):
        Engine(PolicySource("entity;", read_source().files))


def test_an_action_is_denied_for_every_resource_it_is_not_about(engine: Engine) -> None:
    about = {
        **dict.fromkeys(PATIENT_ACTIONS, "patient:P1"),
        **dict.fromkeys(DATASET_ACTIONS, "dataset:oncology"),
        **OTHER_ACTIONS,
    }
    for role in ROLES:
        for action in ACTIONS:
            for resource in set(RESOURCES) - {about[action]}:
                decision = engine.decide(request(role, action, resource, reason="x"), ward())
                # Retention is applied to any data; an officer who may apply it may name what it is applied to.
                expected = (role, action) == ("officer", "apply_retention")
                assert decision.allowed is expected, (role, action, resource)


@pytest.mark.parametrize(
    "asked",
    [
        request("nobody"),
        request(""),
        request("x" * 100_000),
        request("\udcff"),
        request("service", mfa=Factor.TOTP),
        request("doctor", mfa=Factor.HOST),
        request("doctor", mfa=Factor.VISITOR),
        request(action="fly"),
        request(action=""),
        request(resource="patient:P404"),
        request(resource="patient:"),
        request(resource="patient"),
        request(resource='patient:P1"'),
        request(resource="warehouse:x"),
        request(resource="pipeline:water"),
        request(resource="dataset:botany"),
        request(resource=""),
        request(ip="somewhere"),
        request(ip="fe80::1%eth0"),
        request(ip="10.0.0.0/8"),
        request(mfa_age_s=-1),
        request(at=request().at.replace(tzinfo=None)),
    ],
)
def test_a_request_about_what_there_is_not_is_denied_with_an_error(engine: Engine, asked: Request) -> None:
    decision = engine.decide(asked, ward())
    assert not decision.allowed
    assert len(decision.errors) == 1
    assert len(decision.errors[0]) < 400
    assert decision.errors[0].isascii()
    assert set(decision.columns.values()) == {Visibility.DENIED}
    assert decision.determining == ()
    json.dumps(decision.as_json()).encode()


def test_a_disabled_account_is_denied(engine: Engine) -> None:
    facts = ward()
    facts.accounts["doctor"] = replace(facts.accounts["doctor"], disabled=True)
    decision = engine.decide(request(), facts)
    assert not decision.allowed
    assert "disabled" in decision.errors[0]


def test_facts_that_cannot_be_told_stop_the_decision(engine: Engine) -> None:
    class Busy(Ward):
        def patients(self, ids: Sequence[str], /) -> Mapping[str, PatientFacts]:
            raise StoreBusy("another process has been writing")

    facts = Busy(ward().accounts)
    with pytest.raises(StoreBusy):
        engine.decide(request(), facts)


def test_a_visitor_is_a_guest_even_where_an_account_has_that_name(engine: Engine) -> None:
    facts = ward()
    facts.accounts["guest"] = replace(facts.accounts["officer"], user="guest")
    visitor = request("guest", "read_audit", "audit", mfa=Factor.VISITOR)
    assert not engine.decide(visitor, facts).allowed
    allowed = {
        action for action, resource in OTHER_ACTIONS.items()
        if engine.decide(replace(visitor, action=action, resource=resource), facts).allowed
    }  # fmt: skip
    assert allowed == {"query_warehouse", "view_pipelines"}
    facts.guests = False
    for action, resource in OTHER_ACTIONS.items():
        assert not engine.decide(replace(visitor, action=action, resource=resource), facts).allowed


def test_the_service_does_its_work_and_reads_no_record(engine: Engine) -> None:
    host = request("service", mfa=Factor.HOST, reason="x")
    allowed = {
        (action, resource)
        for action in ACTIONS
        for resource in RESOURCES
        if engine.decide(replace(host, action=action, resource=resource), ward()).allowed
    }
    retention = {("apply_retention", resource) for resource in RESOURCES}
    own = {("rebuild_projection", "dataset:oncology"), ("serve_aggregates", "dataset:oncology")}
    assert allowed == {("trigger_run", "pipeline:weather"), *own, *retention}


def test_no_role_but_doctor_ever_sees_an_identifying_column_in_clear(engine: Engine) -> None:
    facts = ward(assigned=ROLES)
    for role in set(ROLES) - {"doctor"}:
        for action in PATIENT_ACTIONS:
            columns = engine.decide(request(role, action, reason="x"), facts).columns
            assert all(columns[name] is not Visibility.CLEAR for name in IDENTIFYING), (role, action)


def test_the_columns_of_a_record_are_those_of_the_interface(engine: Engine) -> None:
    assert tuple(engine.decide(request(), ward()).columns) == PATIENT_COLUMNS


def test_break_glass_obliges_to_a_loud_audit(engine: Engine) -> None:
    facts = ward()
    facts.record("doctor", "P2", request().at)
    assert engine.decide(request(resource="patient:P2"), facts).obligations == {"loud-audit"}
    assert engine.decide(request(resource="patient:P1"), facts).obligations == frozenset()
    breaking = engine.decide(request(action="break_glass", resource="patient:P2", reason="x"), facts)
    assert breaking.obligations == {"loud-audit", "sealed-reason"}


def test_every_action_is_in_the_schema_and_in_a_policy(engine: Engine) -> None:
    named = frozenset[Action]().union(*(rule.actions for rule in engine.rules if rule.permits))
    assert named == frozenset(Action)
    for action in Action:
        assert action.value in engine.source.schema


def test_one_engine_decides_in_many_threads_as_in_one(engine: Engine) -> None:
    facts = ward()
    asked = [
        request(role, action, resource, at=at)
        for role in ROLES
        for action, resource in (("view_record", "patient:P1"), ("query_warehouse", "warehouse"))
        for at in (NOON, NIGHT)
    ] * 10
    expected = [engine.decide(one, facts) for one in asked]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda one: engine.decide(one, facts), asked)) == expected


def test_what_is_given_to_cedar_fits_the_schema(engine: Engine) -> None:
    """The engine checks each request against the schema; the entities are checked here, for every kind of resource."""
    schema = cedarpy.Schema.from_str(engine.source.schema)
    for role in ROLES:
        for resource in RESOURCES:
            situation = survey(request(role, "apply_retention", resource), ward())
            entities = str(cedar_entities(situation))
            assert len(cedarpy.Entities.from_json_str(entities, schema)) >= 2
