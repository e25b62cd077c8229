"""`vault.keys_dir`, set wrongly: no key is made in a folder that lacks one which has sealed something."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from console.actions.seat import InMemory
from console.config_file import create_workspace
from console.settings import Settings, load_settings
from console.wiring.key_folder import key_ring, key_uses, missing_keys
from console.wiring.practice import prepare_practice
from console.wiring.secrets import secret_store
from console.wiring.security import Security
from security.errors import KeyUnknown, StoreDamaged, StoreError
from tests.conftest import Lakewarden
from tests.practice import prepare

KEYS_DIR = "LAKEWARDEN_VAULT__KEYS_DIR"
COMMANDS = (
    ("research", "rebuild"),
    ("records", "load", "/dev/null"),
    ("access", "check", "--user", "doctor", "--action", "view_record", "--resource", "patient:P0001"),
    ("practice", "facts", "--json"),
)


@pytest.fixture
def settings(workspace: Path) -> Settings:
    """Of a practice workspace with accounts, patients, an audit log and a secret."""
    prepare(workspace)
    settings = load_settings({"LAKEWARDEN_HOME": str(workspace)})
    secret_store(settings).set("smtp_password", "correct horse")
    return settings


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


@pytest.mark.parametrize("folder", ["empty", "absent", "another workspace's"])
def test_in_a_wrong_folder_no_key_is_made_and_the_one_that_is_missing_is_named(
    lakewarden: Lakewarden, settings: Settings, folder: str
) -> None:
    wrong = lakewarden.folder / "wrong"
    match folder:
        case "empty":
            wrong.mkdir(mode=0o700)
        case "another workspace's":
            create_workspace(lakewarden.folder / "other", production=True)
            other = load_settings({"LAKEWARDEN_HOME": str(lakewarden.folder / "other")})
            secret_store(other).set("smtp_password", "correct horse")
            shutil.move(other.keys_dir, wrong)
    before = names(wrong)
    (kek,) = settings.keys_dir.glob("kek-*.key")
    for command in COMMANDS:
        ended = lakewarden(*command, env={KEYS_DIR: str(wrong)})
        assert (ended.code, ended.out) == (78, ""), (command, ended)
        assert f"{wrong}: expected {kek.name}, which sealed 420 data keys, found no such file" in ended.err, command
        assert names(wrong) == before, command
        assert wrong.exists() is (folder != "absent")
    for command in COMMANDS[2:]:
        assert lakewarden(*command).code == 0, "with the right folder all is as before"


@pytest.mark.parametrize(
    ("purpose", "sealed"),
    [("kek", "data keys"), ("index", "name words"), ("identity", "authenticators"), ("audit", "audit log")],
)
def test_a_key_of_any_purpose_is_missed(settings: Settings, purpose: str, sealed: str) -> None:
    assert missing_keys(settings, key_uses(settings)[0]) == []
    (key,) = settings.keys_dir.glob(f"{purpose}-*.key")
    key.unlink()
    assert sealed in {use.sealed for use in missing_keys(settings, key_uses(settings)[0])}
    assert {use.purpose for use in missing_keys(settings, key_uses(settings)[0])} == {purpose}
    before = names(settings.keys_dir)
    for other in ("kek", "index", "identity", "audit"):
        with pytest.raises(KeyUnknown, match=f"expected {purpose}-.*, which sealed .* No key was made"):
            key_ring(settings, other).add()
    with pytest.raises(KeyUnknown):
        key_ring(settings, purpose).current()
    assert names(settings.keys_dir) == before


def test_what_each_key_has_sealed_is_counted(settings: Settings) -> None:
    secret_store(settings).set("another", "battery staple")
    counts = {use.sealed: use.count for use in key_uses(settings)[0]}
    assert (counts["data keys"], counts["secrets"], counts["audit log"]) == (420, 2, 1)
    assert {"name words", "authenticators", "practice passwords"} <= set(counts)
    assert "customers" not in counts


def test_a_workspace_that_has_sealed_nothing_makes_its_keys(workspace: Path) -> None:
    create_workspace(workspace, production=True)
    settings = load_settings({"LAKEWARDEN_HOME": str(workspace)})
    assert key_uses(settings) == ([], [])
    for store in (settings.clinical_db, settings.identity_db, settings.audit_db, workspace / "warehouse.db"):
        store.touch()  # as another process makes it at this moment
    assert key_ring(settings).current().id == key_ring(settings).ids()[0]
    assert key_ring(settings).add().id == key_ring(settings).ids()[1]


def test_customers_and_secrets_are_sealed_under_no_key_of_a_wrong_folder(
    lakewarden: Lakewarden, settings: Settings
) -> None:
    wrong = lakewarden.folder / "wrong"
    built = lakewarden("warehouse", "build", "--rows", "1000", env={KEYS_DIR: str(wrong)})
    assert built.code == 78
    assert "No key was made" in built.err
    with pytest.raises(KeyUnknown, match="which sealed 420 data keys"):
        secret_store(load_settings({**lakewarden.environ, KEYS_DIR: str(wrong)})).set("another", "battery staple")
    assert not wrong.exists()
    assert lakewarden("warehouse", "build", "--rows", "1000").code == 0
    sealed = {use.sealed for use in key_uses(settings)[0] if use.purpose == "kek"}
    assert sealed == {"data keys", "secrets", "customers"}


def test_a_damaged_warehouse_locks_nobody_out_of_a_new_workspace(lakewarden: Lakewarden) -> None:
    assert lakewarden("init").code == 0
    (lakewarden.home / "warehouse.db").write_text("garbage\n" * 2_000)
    assert lakewarden("runs").code == 0
    lakewarden.sign_in("operator")
    assert lakewarden("whoami").code == 0
    ended = lakewarden("warehouse", "check")
    assert (ended.code, "damaged" in ended.err) == (74, True), ended


@pytest.mark.parametrize("broken", ["warehouse.db", "clinical.db", "identity.db", "audit.db", "secrets.json"])
def test_a_store_that_cannot_be_read_refuses_the_keys_of_its_own_purposes_alone(workspace: Path, broken: str) -> None:
    create_workspace(workspace, production=True)
    settings = load_settings({"LAKEWARDEN_HOME": str(workspace)})
    stores = {
        workspace / "warehouse.db": set(),
        settings.secrets_file: set(),
        settings.clinical_db: {"kek", "index"},
        settings.identity_db: {"identity"},
        settings.audit_db: {"audit"},
    }
    ((path, refused),) = [(path, purposes) for path, purposes in stores.items() if path.name == broken]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("garbage\n" * 2_000)
    for purpose in ("kek", "index", "identity", "audit"):
        if purpose in refused:
            with pytest.raises(StoreDamaged, match="is damaged"):
                key_ring(settings, purpose).current()
        else:
            assert key_ring(settings, purpose).current().id
    assert {name.partition("-")[0] for name in names(settings.keys_dir) if name.endswith(".key")} == (
        {"kek", "index", "identity", "audit"} - refused
    )


def test_a_store_that_cannot_be_read_hides_no_key_that_another_misses(settings: Settings) -> None:
    (settings.home / "warehouse.db").write_text("garbage\n" * 2_000)
    (key,) = settings.keys_dir.glob("kek-*.key")
    key.unlink()
    with pytest.raises(KeyUnknown, match="which sealed 420 data keys"):
        key_ring(settings).current()


@pytest.mark.parametrize(("store", "purpose"), [("clinical", "index"), ("identity", "identity")])
def test_a_practice_store_that_is_lost_is_not_made_anew(settings: Settings, store: str, purpose: str) -> None:
    path = settings.home / f"{store}.db"
    for name in (path, settings.research_db):  # which is made anew, from the patients there are
        name.rename(name.with_suffix(".away"))
    before = names(settings.keys_dir)
    refusal = rf"{path}, whose key .*{purpose}-.*found no such file.*from a backup"
    with closing(Security(settings, {}, InMemory())) as security, pytest.raises(StoreError, match=refusal):
        prepare_practice(security)
    assert (path.exists(), names(settings.keys_dir)) == (False, before)
    path.with_suffix(".away").rename(path)
    with closing(Security(settings, {}, InMemory())) as security:
        prepare_practice(security)
        assert (security.admission.count(), len(security.accounts.list())) == (420, 9)


def test_the_doctor_names_an_index_key_that_is_another(lakewarden: Lakewarden, settings: Settings) -> None:
    (path,) = settings.keys_dir.glob("index-*.key")
    sound = json.loads(lakewarden("doctor", "--json").out)["checks"]
    assert {check["name"]: check["ok"] for check in sound}["clinical"]
    path.write_bytes(bytes(32))
    checks = json.loads(lakewarden("doctor", "--json").out)["checks"]
    (clinical,) = [check for check in checks if check["name"] == "clinical"]
    assert not clinical["ok"]
    assert f"{path}: expected the key that indexed the names, found another" in clinical["detail"]
    assert "restore the keys" in clinical["remedy"]
    for path in settings.home.glob("clinical.db*"):
        path.unlink()
    checks = json.loads(lakewarden("doctor", "--json").out)["checks"]
    (clinical,) = [check for check in checks if check["name"] == "clinical"]
    assert (clinical["ok"], str(settings.clinical_db) in clinical["detail"]) == (False, True), clinical
