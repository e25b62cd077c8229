"""`lakewarden doctor`: every check with its remedy, as text and JSON; secrets only as set or unset."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from console.actions.seat import InMemory
from console.settings import load_settings
from console.wiring import doctor, doctor_security
from console.wiring.clock import SystemClock
from console.wiring.doctor_check import Check
from console.wiring.warehouse import open_store
from security.identity.account import Role
from tests.conftest import API_KEY, Ended, Lakewarden
from tests.practice import opened, prepare, sit_down
from tests.simulators.s3 import BUCKET, fake_environment, running_s3, unused_endpoint
from tests.simulators.weather_api import WeatherApiSimulator, not_found, unauthorized


class InAYear(SystemClock):
    """A clock that is ahead."""

    def now(self) -> datetime:
        return super().now() + timedelta(days=365)


def checks(ended: Ended) -> dict[str, dict[str, Any]]:
    document = ended.json
    assert {"ok", "checks"} <= set(document)
    assert all(set(check) == {"name", "ok", "detail", "remedy"} for check in document["checks"])
    assert document["ok"] is all(check["ok"] for check in document["checks"])
    for check in document["checks"]:
        assert check["remedy"] is None if check["ok"] else check["remedy"]
        assert "lakewarden doctor" not in check["detail"]
    return {check["name"]: check for check in document["checks"]}


def test_a_practice_workspace_is_sound(lakewarden: Lakewarden) -> None:
    ended = lakewarden("doctor", "--json")
    assert (ended.code, ended.err) == (0, "")
    found = checks(ended)
    assert {"workspace", "disk", "openweather_api_key", "history", "source"} <= set(found)
    assert found["openweather_api_key"]["detail"] == "unset"
    assert "practice" in found["source"]["detail"]
    text = lakewarden("doctor")
    assert text.code == 0
    assert "FAIL" not in text.out


def test_the_api_is_asked_once_and_the_key_is_told_as_set(lakewarden: Lakewarden, api: WeatherApiSimulator) -> None:
    lakewarden.use(api)
    ended = lakewarden("doctor", "--json")
    assert ended.code == 0
    assert checks(ended)["openweather_api_key"]["detail"].startswith("set")
    assert api.count() == 1
    assert API_KEY not in ended.out


def test_a_key_that_the_api_refuses_is_a_failed_check_with_a_remedy(
    lakewarden: Lakewarden, api: WeatherApiSimulator
) -> None:
    lakewarden.use(api)
    api.script_default([unauthorized()])
    ended = lakewarden("doctor", "--json")
    assert (ended.code, checks(ended)["source"]["ok"]) == (1, False)
    assert checks(ended)["source"]["remedy"]


def test_a_production_workspace_without_a_key_says_how_to_set_it(lakewarden: Lakewarden) -> None:
    lakewarden.make_production()
    ended = lakewarden("doctor", "--json")
    assert ended.code == 1
    found = checks(ended)["openweather_api_key"]
    assert (found["ok"], found["detail"]) == (False, "unset")
    assert "secrets set openweather_api_key" in found["remedy"]
    assert "FAIL" in lakewarden("doctor").out


def test_one_failed_check_does_not_hide_the_others(lakewarden: Lakewarden) -> None:
    lakewarden("init")
    (lakewarden.home / "etl.db").write_bytes(b"damaged " * 1000)
    found = checks(lakewarden("doctor", "--json"))
    assert [name for name, check in found.items() if not check["ok"]] == ["history"]
    assert any(name.startswith("lake") for name in found)


def test_a_damaged_warehouse_and_a_key_that_is_missing_are_failed_checks(lakewarden: Lakewarden) -> None:
    lakewarden.sign_in("operator")
    assert lakewarden("warehouse", "build", "--rows", "1000").code == 0
    found = checks(lakewarden("doctor", "--json"))
    assert (found["warehouse"]["ok"], found["keys"]["ok"]) == (True, True)
    (key,) = (lakewarden.home / "keys").glob("kek-*.key")
    key.rename(key.with_suffix(".away"))
    found = checks(lakewarden("doctor", "--json"))
    assert found["keys"]["ok"] is False
    assert key.name in found["keys"]["detail"]
    key.with_suffix(".away").rename(key)
    (lakewarden.home / "warehouse.db").write_bytes(b"damaged " * 1000)
    ended = lakewarden("doctor", "--json")
    assert ended.code == 1
    assert [name for name, check in checks(ended).items() if not check["ok"]] == ["warehouse"]
    assert "damaged" in checks(ended)["warehouse"]["detail"]


def test_a_damaged_history_does_not_hide_what_the_api_says(lakewarden: Lakewarden, api: WeatherApiSimulator) -> None:
    lakewarden.use(api)
    lakewarden("init")
    (lakewarden.home / "etl.db").write_bytes(b"damaged " * 1000)
    found = checks(lakewarden("doctor", "--json"))
    assert [name for name, check in found.items() if not check["ok"]] == ["history"]
    assert str(lakewarden.home / "etl.db") in found["history"]["remedy"]
    assert api.count() == 1


def test_a_city_that_the_api_does_not_know_is_that_citys_failure(
    lakewarden: Lakewarden, api: WeatherApiSimulator
) -> None:
    lakewarden.use(api)
    api.script_default([not_found()])
    ended = lakewarden("doctor", "--json")
    found = checks(ended)
    assert (ended.code, found["source"]["ok"], found["city Portland"]["ok"]) == (1, True, False)
    assert "weather.cities" in found["city Portland"]["remedy"]


def test_an_api_out_of_reach_has_a_remedy_of_its_own(lakewarden: Lakewarden) -> None:
    nowhere = {"OPENWEATHER_API_KEY": API_KEY, "LAKEWARDEN_WEATHER__BASE_URL": unused_endpoint()}
    found = checks(lakewarden("doctor", "--json", env=nowhere))
    assert "weather.base_url" in found["source"]["remedy"]


def test_a_practice_source_is_told_by_its_cause(lakewarden: Lakewarden) -> None:
    assert "until an API key is set" in checks(lakewarden("doctor", "--json"))["source"]["detail"]
    chosen = {"LAKEWARDEN_WEATHER__SOURCE": "practice", "OPENWEATHER_API_KEY": API_KEY}
    detail = checks(lakewarden("doctor", "--json", env=chosen))["source"]["detail"]
    assert "weather.source" in detail
    assert "until" not in detail


def in_s3(endpoint: str, *, credentials: bool = True) -> dict[str, str]:
    """The environment of a lake on the S3 server at `endpoint`."""
    return {
        **(fake_environment() if credentials else {}),
        "LAKEWARDEN_LAKE__URL": f"s3://{BUCKET}",
        "LAKEWARDEN_LAKE__ENDPOINT_URL": endpoint,
    }


def test_a_lake_in_s3_is_probed_and_its_policy_told(lakewarden: Lakewarden) -> None:
    with running_s3() as endpoint:
        ended = lakewarden("doctor", "--json", env=in_s3(endpoint))
    assert (ended.code, ended.json["policy"]["Version"]) == (0, "2012-10-17")
    assert checks(ended)["lake: s3:PutObject"]["ok"]


def test_a_lake_in_s3_without_credentials_is_a_report(lakewarden: Lakewarden, api: WeatherApiSimulator) -> None:
    lakewarden.use(api)
    ended = lakewarden("doctor", "--json", env=in_s3(unused_endpoint(), credentials=False))
    found = checks(ended)
    assert (ended.code, ended.err) == (1, "")
    assert [name for name, check in found.items() if not check["ok"]] == ["lake: credentials", "lake: policy"]
    assert "AWS" in found["lake: policy"]["remedy"]


@pytest.mark.parametrize("damage", ["exposed key", "lost key", "no JSON"])
def test_secrets_that_cannot_be_read_are_a_report(
    lakewarden: Lakewarden, api: WeatherApiSimulator, damage: str
) -> None:
    lakewarden.use(api)
    del lakewarden.environ["OPENWEATHER_API_KEY"]
    lakewarden.sign_in("operator")
    assert lakewarden("secrets", "set", "openweather_api_key", stdin=API_KEY.encode()).code == 0
    assert checks(lakewarden("doctor", "--json"))["source"]["ok"]
    (key,) = (lakewarden.home / "keys").glob("kek-*.key")
    match damage:
        case "exposed key":
            key.chmod(0o644)
            remedy = f"chmod 600 {lakewarden.home / 'keys'}"
        case "lost key":
            key.unlink()
            remedy = "from a backup"
        case _:
            (lakewarden.home / "secrets.json").write_text("{")
            remedy = str(lakewarden.home / "secrets.json")
    ended = lakewarden("doctor", "--json")
    found = checks(ended)
    assert (ended.code, ended.err) == (1, "")
    assert remedy in found["openweather_api_key"]["remedy"]
    also = [] if damage == "no JSON" else ["keys", "clinical"]
    assert {name for name, check in found.items() if not check["ok"]} == {"openweather_api_key", *also, "source"}


def test_the_security_core_is_examined(lakewarden: Lakewarden) -> None:
    outside = lakewarden.folder / "outside" / "checkpoints"
    outside.parent.mkdir()
    lakewarden.environ["LAKEWARDEN_AUDIT__CHECKPOINT_FILE"] = str(outside)
    lakewarden.sign_in("auditor")
    lakewarden("audit", "checkpoint")
    found = checks(lakewarden("doctor", "--json"))
    assert "sound" in found["policies"]["detail"]
    assert "events" in found["audit log"]["detail"]
    assert str(outside) in found["checkpoints"]["detail"]
    assert not found["checkpoints"]["detail"].startswith("0 ")


def test_a_damaged_audit_log_is_a_failed_check(lakewarden: Lakewarden) -> None:
    lakewarden.sign_in("auditor")
    connection = sqlite3.connect(lakewarden.home / "audit.db")
    with closing(connection), connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)")
    ended = lakewarden("doctor", "--json")
    assert ended.code == 1
    assert "audit verify" in checks(ended)["audit log"]["remedy"]


def test_a_clinical_store_that_lies_empty_is_a_failed_check(workspace: Path) -> None:
    prepare(workspace)
    settings = load_settings({"LAKEWARDEN_HOME": str(workspace)})
    settings.clinical_db.write_bytes(b"")
    (check,) = doctor_security.clinical(settings)
    assert (check.ok, "found a file with no tables" in check.detail) == (False, True), check
    assert str(settings.clinical_db) in (check.remedy or "")


def test_whose_codes_are_refused_since_the_clock_was_ahead_is_a_failed_check(workspace: Path) -> None:
    prepare(workspace)
    settings = load_settings({"LAKEWARDEN_HOME": str(workspace)})
    assert all(check.ok for check in doctor_security.accounts(settings))
    with closing(opened(workspace, {}, keeper=InMemory(), clock=InAYear())) as security:
        sit_down(security, "operator")
    (clock,) = [check for check in doctor_security.accounts(settings) if not check.ok]
    assert (clock.name, "when operator signed in" in clock.detail) == ("clock", True)
    assert "reset-mfa" in (clock.remedy or "")


def test_records_that_nobody_reads_for_want_of_a_known_place_are_a_failed_check(workspace: Path) -> None:
    prepare(workspace)
    settings = replace(load_settings({"LAKEWARDEN_HOME": str(workspace)}), networks=())
    networks, clinical = doctor_security.clinical(settings)
    assert (networks.ok, clinical.ok) == (False, True)
    assert "[networks]" in (networks.remedy or "")


def test_a_production_workspace_without_an_officer_says_how_to_enrol_one(lakewarden: Lakewarden) -> None:
    assert lakewarden("init", "--production").code == 0
    found = checks(lakewarden("doctor", "--json"))["officer"]
    assert (found["ok"], found["remedy"]) == (False, "run `lakewarden init --production` in a terminal")


def failed(home: Path, **variables: str) -> dict[str, Check]:
    """The checks of a workspace that failed."""
    report = doctor.examine(load_settings({"LAKEWARDEN_HOME": str(home), **variables}))
    return {check.name: check for check in report.checks if not check.ok}


def carry_out(database: Path, *statements: str) -> None:
    connection = sqlite3.connect(database)
    with closing(connection), connection:
        for statement in statements:
            connection.execute(statement)


def test_stores_of_a_newer_version_are_not_to_be_restored_but_the_program_is_to_be_upgraded(workspace: Path) -> None:
    prepare(workspace)
    open_store(load_settings({"LAKEWARDEN_HOME": str(workspace)}))
    assert failed(workspace) == {}
    files = {
        "history": "etl.db",
        "warehouse": "warehouse.db",
        "accounts": "identity.db",
        "clinical": "clinical.db",
        "audit log": "audit.db",
    }
    for name in files.values():
        carry_out(workspace / name, "PRAGMA user_version = 99")
    found = failed(workspace)
    assert set(found) == set(files)
    for check in found.values():
        assert check.detail.endswith("upgrade the program."), check
        assert check.remedy == "install the version of lakewarden that wrote it, or a newer one", check


@pytest.mark.parametrize("name", ["identity", "clinical", "audit"])
def test_a_store_that_cannot_be_opened_is_not_to_be_restored_but_its_disk_and_mode_are_looked_at(
    workspace: Path, name: str
) -> None:
    """A lock that cannot be taken: what the account may not write, root may, so a folder stands in its place."""
    prepare(workspace)
    path = workspace / f"{name}.db"
    carry_out(path, "PRAGMA journal_mode = DELETE")  # so that it is prepared anew, which takes the lock
    lock = workspace / "locks" / f"{name}.db.lock"
    lock.unlink(missing_ok=True)
    lock.mkdir(parents=True)
    found = failed(workspace)[{"identity": "accounts", "audit": "audit log"}.get(name, name)]
    assert found.detail.endswith("Check that the disk is not full and that the workspace is writable."), found
    assert found.remedy == f"make room on the disk of {path}, and {path} readable and writable for this account"


@pytest.mark.parametrize("made_as", ["practice", "production"])
def test_a_workspace_opened_as_what_it_was_not_made_as_says_which_setting_to_put_back(
    lakewarden: Lakewarden, made_as: str
) -> None:
    if made_as == "practice":
        prepare(lakewarden.home)
    else:
        lakewarden.enrol("officer", Role.OFFICER)
    config = lakewarden.home / "config.toml"
    other = "production" if made_as == "practice" else "practice"
    text = config.read_text()
    config.write_text(text.replace(f'mode = "{made_as}"', f'mode = "{other}"'))
    found = failed(lakewarden.home)["accounts"]
    assert f"expected the accounts of a {other} workspace, found those of a {made_as} one" in found.detail
    assert found.remedy.startswith(f'put mode = "{made_as}" back under [workspace] in {config}, ')
    config.write_text(text)
    assert "accounts" not in failed(lakewarden.home)


def test_practice_weather_beside_accounts_for_production_has_the_remedy_of_these(lakewarden: Lakewarden) -> None:
    lakewarden.enrol("officer", Role.OFFICER)
    config = lakewarden.home / "config.toml"
    config.write_text(config.read_text().replace('mode = "production"', 'mode = "practice"'))
    found = failed(lakewarden.home)
    assert 'workspace.mode: expected "production"' in found["source"].detail
    assert found["source"].remedy == found["accounts"].remedy
    assert found["source"].remedy.startswith(f'put mode = "production" back under [workspace] in {config}, ')


@pytest.mark.parametrize(
    ("harm", "remedy"),
    [
        ("empty", "restore it from a backup"),
        ("link", "put the key file itself there"),
        ("folder", "put the key file there"),
        ("open", "chmod 700 {0} && chmod 600 {0}/*.key"),
        ("open folder", "chmod 700 {0} && chmod 600 {0}/*.key"),
    ],
)
def test_the_remedy_for_a_key_that_is_refused_fits_its_cause(workspace: Path, harm: str, remedy: str) -> None:
    folder = workspace.with_name("odd; keys, found here")
    prepare(workspace)
    (workspace / "keys").rename(folder)
    (key,) = folder.glob("kek-*.key")
    match harm:
        case "empty":
            key.write_bytes(b"")
        case "link":
            key.symlink_to(key.rename(workspace / "moved"))
        case "folder":
            key.unlink()
            key.mkdir(mode=0o700)
        case "open":
            key.chmod(0o644)
        case _:
            folder.chmod(0o755)
    found = failed(workspace, LAKEWARDEN_VAULT__KEYS_DIR=str(folder))
    assert found["keys"].remedy == remedy.format(folder)
    assert found["keys"].detail.endswith(remedy) or "chmod" in found["keys"].detail


def test_a_shift_that_there_is_not_is_told_of_the_identity_database(workspace: Path) -> None:
    prepare(workspace)
    carry_out(
        workspace / "identity.db", "PRAGMA ignore_check_constraints = ON", "UPDATE account SET shift_start = 9999"
    )
    found = failed(workspace)
    assert set(found) == {"accounts"}
    assert found["accounts"].detail.startswith("the identity database is damaged: expected the times of a shift")
    assert found["accounts"].remedy == f"restore {workspace / 'identity.db'} from a backup"


def test_a_key_of_the_audit_log_that_is_missing_is_what_is_to_be_restored(workspace: Path) -> None:
    prepare(workspace)
    (key,) = (workspace / "keys").glob("audit-*.key")
    key.rename(key.with_name("audit-0001-ffffffff.key"))
    assert failed(workspace)["audit log"].remedy == f"restore the keys in {workspace / 'keys'} from a backup"


def test_a_time_that_there_is_not_is_told_of_the_history(workspace: Path) -> None:
    prepare(workspace)
    assert failed(workspace) == {}
    carry_out(workspace / "etl.db", "UPDATE scheduler SET paused = 1, paused_at = 'noon'")
    found = failed(workspace)
    assert set(found) == {"history"}
    assert found["history"].remedy.startswith(f"restore {workspace / 'etl.db'} from a backup")


def test_an_address_that_no_lake_can_have_is_a_matter_of_the_settings(workspace: Path) -> None:
    prepare(workspace)
    settings = load_settings({"LAKEWARDEN_HOME": str(workspace)})
    odd = replace(settings, lake=replace(settings.lake, url="s3://bucket", endpoint_url="http://user@127.0.0.1"))
    found = {check.name: check for check in doctor.examine(odd).checks if not check.ok}
    assert set(found) == {"source", "lake", "lake: policy"}
    for check in found.values():
        assert check.remedy == f"correct [lake] in {workspace / 'config.toml'}", check
