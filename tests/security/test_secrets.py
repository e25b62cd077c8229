"""The secret store: what is set comes back, nothing on disk shows it, and damage is reported, never repaired."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.files import write_whole
from security.errors import KeyUnknown, SecretRefused, SecretStoreDamaged
from security.vault.keys import KeyRing
from security.vault.secrets import SecretStore

VALUE = "correct horse battery staple"

SET_MANY = """
import sys
from pathlib import Path
from etl.files import write_whole
from security.vault.keys import KeyRing
from security.vault.secrets import SecretStore
home = Path(sys.argv[1])
store = SecretStore(home / "secrets.json", KeyRing(home / "keys", write_whole), write_whole)
for number in range(10):
    store.set(f"{sys.argv[2]}_{number}", f"value {number} of {sys.argv[2]}")
"""


def store_in(home: Path) -> SecretStore:
    return SecretStore(home / "secrets.json", KeyRing(home / "keys", write_whole), write_whole)


@pytest.fixture
def store(tmp_path: Path) -> SecretStore:
    return store_in(tmp_path)


def test_a_secret_comes_back_and_can_be_replaced_and_removed(store: SecretStore, tmp_path: Path) -> None:
    store.set("smtp_password", "first value")
    store.set("smtp_password", VALUE)
    store.set("openweather_api_key", "0123")
    assert store_in(tmp_path).get("smtp_password") == VALUE
    assert store.names() == ["openweather_api_key", "smtp_password"]
    assert store.remove("smtp_password")
    assert not store.remove("smtp_password")
    assert store.get("smtp_password") is None
    assert store.get("openweather_api_key") == "0123"


def test_an_empty_store_makes_no_file(store: SecretStore, tmp_path: Path) -> None:
    assert store.get("smtp_password") is None
    assert store.names() == []
    assert not store.remove("smtp_password")
    assert list(tmp_path.iterdir()) == []


def test_no_file_of_the_workspace_holds_the_value(store: SecretStore, tmp_path: Path) -> None:
    store.set("smtp_password", VALUE)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert all(VALUE.encode() not in path.read_bytes() for path in files)
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), min_size=1, max_size=50))
def test_every_line_of_text_is_kept_as_it_is(store: SecretStore, value: str) -> None:
    if value.strip():
        store.set("name", value)
        assert store.get("name") == value


@pytest.mark.parametrize("name", ["", "A", "1a", "a-b", "a.b", "ä", "a b", "../a", "a" * 65, "a\n"])
def test_a_name_that_is_none_is_refused_and_not_shown(store: SecretStore, name: str) -> None:
    for use in (store.get, store.remove, lambda name: store.set(name, VALUE)):
        with pytest.raises(SecretRefused, match=f"of {len(name)} characters"):
            use(name)


@pytest.mark.parametrize("value", ["", "  ", "ab\0cd", "line\nline", "line\r", "x" * 8193, "ä" * 4097, "\udc80xyz"])
def test_a_value_that_is_none_is_refused_and_not_shown(store: SecretStore, value: str, tmp_path: Path) -> None:
    with pytest.raises(SecretRefused) as caught:
        store.set("name", value)
    assert not value.strip() or value not in str(caught.value)
    assert not (tmp_path / "secrets.json").exists()


def test_the_longest_value_is_taken(store: SecretStore) -> None:
    store.set("name", "x" * 8192)
    assert store.get("name") == "x" * 8192


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        b'{"version": 2, "secrets": {}}',
        b'{"version": 1, "secrets": []}',
        b'{"version": 1, "secrets": {"name": "plain"}}',
        b'{"version": 1, "secrets": {"name": {"key": "0001-00000000"}}}',
        b'{"version": 1, "secrets": {"Bad Name": {"key": "", "sealed": ""}}}',
        b" " * 4_194_305,
    ],
)
def test_a_file_that_is_no_store_is_named_and_left_alone(store: SecretStore, tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "secrets.json"
    path.write_bytes(body)
    for use in (store.names, lambda: store.get("a"), lambda: store.remove("a"), lambda: store.set("a", VALUE)):
        with pytest.raises(SecretStoreDamaged, match=r"secrets\.json"):
            use()
    assert path.read_bytes() == body


def test_a_changed_value_is_noticed(store: SecretStore, tmp_path: Path) -> None:
    store.set("first", "one value")
    store.set("second", "two values")
    path = tmp_path / "secrets.json"
    document = json.loads(path.read_text())
    entries = document["secrets"]
    for sealed in ("", "%%%", "AAAA", entries["second"]["sealed"], entries["first"]["sealed"][:-8]):
        changed = {**entries, "first": {**entries["first"], "sealed": sealed}}
        path.write_text(json.dumps({**document, "secrets": changed}))
        with pytest.raises(SecretStoreDamaged, match="value of first is damaged"):
            store.get("first")
        assert store.get("second") == "two values"


def test_a_lost_key_is_named_and_the_secret_can_be_set_again(store: SecretStore, tmp_path: Path) -> None:
    store.set("name", VALUE)
    next((tmp_path / "keys").glob("*.key")).unlink()
    with pytest.raises(KeyUnknown):
        store.get("name")
    store.set("name", "another value")
    assert store.get("name") == "another value"


def test_processes_that_write_at_once_lose_nothing(store: SecretStore, tmp_path: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", SET_MANY, str(tmp_path), name]) for name in ("left", "middle", "right")
    ]
    assert [process.wait(timeout=60) for process in started] == [0, 0, 0]
    assert len(store.names()) == 30
    assert store.get("left_9") == "value 9 of left"
