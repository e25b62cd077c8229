"""The Vault section upon the real keys of a workspace: who sees it, rotating, checking, and the bench."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from console.actions.seat import InMemory
from console.tui.screens.dialogs import Confirm, Notice
from console.tui.screens.help import bindings_of
from console.tui.vault.bench import bench_lines
from console.tui.vault.key_table import KeyTable
from console.tui.vault.screen import VaultScreen
from console.tui.vault.words import age_of, question, state_words
from console.tui.widgets.closed import Closed
from console.tui.widgets.section_title import SectionTitle
from console.wiring.security import Security
from security.audit.event import Outcome
from security.audit.search import Filter
from security.records.models import Grant, Record
from security.records.reading import Reading
from security.records.vault import Vault
from security.vault.status import KekStatus, VaultStatus
from tests.console.tui.audit.desk import Desk
from tests.console.tui.warehouse.panels import shows, text_of
from tests.console.tui.workspaces import SetClock, until
from tests.practice import opened, sit_down

NOW = datetime(2026, 11, 28, 14, 30, tzinfo=UTC)
SIZES = [(80, 24), (120, 40)]
Opening = Callable[[str | None], Security]


@pytest.fixture
def clock() -> SetClock:
    return SetClock(datetime.now(UTC))


@pytest.fixture
def opening(tmp_path: Path, clock: SetClock) -> Iterator[Opening]:
    """Opens the practice workspace of this test, signed in as a user; None for nobody."""
    made: list[Security] = []

    def open_for(user: str | None) -> Security:
        made.append(opened(tmp_path / "home", {}, keeper=InMemory(), clock=clock))
        if user is not None:
            sit_down(made[-1], user)
        return made[-1]

    yield open_for
    for security in made:
        security.close()


async def listed(app: Desk) -> KeyTable:
    """Wait until the keys are read."""
    await until(lambda: [one for one in app.screen.query(KeyTable) if one.line_count()], "the keys")
    return app.screen.query_one(KeyTable)


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


def count(security: Security) -> int:
    (number,) = security.clinical.database.query("SELECT count(*) FROM data_key")[0]
    return int(number)


# ---- who sees it ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_an_officer_sees_each_key_with_its_age_and_what_it_wraps(opening: Opening, size: tuple[int, int]) -> None:
    security = opening("officer")
    app = Desk(security, VaultScreen)
    async with app.run_test(size=size):
        await listed(app)
        keys = count(security)
        await shows(app, security.clinical.keks.current_id(), "AES-256-GCM", f"{keys} ", " min", "current")
        await shows(app, f"{keys} data keys, one a patient", "never rotated", "r Rotate", "c Check", "b Bench")


@pytest.mark.parametrize("user", ["doctor", "data-scientist", "auditor", "operator", "partner", "guest"])
async def test_every_other_role_reads_in_place_why_not_and_who_may(opening: Opening, user: str) -> None:
    security = opening(user)
    app = Desk(security, VaultScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "not open to you", f"signed in as {user}", "Who may", "the role officer", "Sign in as another")
        assert security.clinical.keks.current_id() not in text_of(app)
        await press(pilot, "r", "c", "b")
        assert isinstance(app.screen, VaultScreen)
        assert app.screen.query_one(Closed).has_focus


async def test_without_a_session_the_panel_says_how_to_sign_in_and_goes_on(opening: Opening) -> None:
    app = Desk(opening(None), VaultScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "needs a sign-in", "Nobody is signed in", "the role officer", "Enter signs in")
        await press(pilot, "enter")
        assert (await listed(app)).has_focus


async def test_an_officer_whose_code_is_old_is_asked_for_a_fresh_one(opening: Opening, clock: SetClock) -> None:
    security = opening("officer")
    clock.at += timedelta(minutes=11)
    app = Desk(security, VaultScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "needs a fresh code", "more than ten minutes ago", "Enter Give a code")
        await press(pilot, "enter")
        await listed(app)


# ---- rotating -------------------------------------------------------------------------------------------------------


async def test_a_rotation_asks_first_and_runs_to_the_end(opening: Opening) -> None:
    security = opening("officer")
    before, keys = security.clinical.keks.current_id(), count(security)
    app = Desk(security, VaultScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(app)
        await press(pilot, "r")
        assert isinstance(app.screen, Confirm)
        await shows(app, f"{keys} data keys", "readers work", "gone on with later")
        await press(pilot, "n")
        assert security.clinical.keks.current_id() == before
        await press(pilot, "r", "y")
        await shows(app, f"Done: {keys} data keys wrapped anew", "older: wraps none", "Last rotated")
        status = Vault(security.clinical).status()
        assert security.clinical.keks.current_id() != before
        assert {kek.id: kek.data_keys for kek in status.keks} == {before: 0, security.clinical.keks.current_id(): keys}


async def test_a_rotation_that_is_stopped_stays_open_and_is_gone_on_with(opening: Opening) -> None:
    security = opening("officer")
    keys = count(security)
    app = Desk(security, VaultScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(app)
        with closing(sqlite3.connect(security.settings.clinical_db, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")  # another process writes just now, so that there is time to stop
            await press(pilot, "r", "y")
            await shows(app, "Rotating", "Esc Stop")
            await press(pilot, "escape")
            await shows(app, "Stopping")
            writer.execute("ROLLBACK")
        await shows(app, "Stopped: 0 data keys wrapped anew", f"{keys} left", "is OPEN", "rotation open")
        await press(pilot, "r")
        await shows(app, "Go on with the rotation?", f"{keys} data keys of {keys}")
        await press(pilot, "y")
        await shows(app, f"Done: {keys} data keys wrapped anew", "Last rotated")
        assert Vault(security.clinical).status().rotating is None


async def test_leaving_the_panel_stops_a_rotation_at_its_transaction(opening: Opening) -> None:
    security = opening("officer")
    app = Desk(security, VaultScreen)
    with closing(sqlite3.connect(security.settings.clinical_db, isolation_level=None)) as writer:
        async with app.run_test(size=(80, 24)) as pilot:
            await listed(app)
            writer.execute("BEGIN IMMEDIATE")
            await press(pilot, "r", "y")
            await shows(app, "Rotating")
        writer.execute("ROLLBACK")
    await until(lambda: Vault(security.clinical).status().rotating is not None, "the open rotation")


async def test_progress_is_a_bar_with_the_number_of_data_keys(opening: Opening) -> None:
    app = Desk(opening("officer"), VaultScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(app)
        panel = app.screen
        assert isinstance(panel, VaultScreen)
        seen: list[str] = []
        show_bar = panel._show_bar

        def note(counts: tuple[int, int, str]) -> None:
            show_bar(counts)
            seen.append(str(panel.query_one("#work").render()))

        panel._show_bar = note  # type: ignore[method-assign] # kept as it passes
        await press(pilot, "r", "y")
        await shows(app, "Done:")
        keys = f"{count(app.security)} of {count(app.security)} data keys"
        assert any(keys in words and "100%" in words and "Esc stops" in words for words in seen)


async def test_an_officer_whose_code_grew_old_gives_a_fresh_one_and_the_rotation_runs(
    opening: Opening, clock: SetClock
) -> None:
    security = opening("officer")
    app = Desk(security, VaultScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(app)
        clock.at += timedelta(minutes=11)
        await press(pilot, "r", "y")
        await shows(app, "Done:")
        assert [type(error).__name__ for error in app.told] == ["FreshCodeNeeded"]


async def test_a_key_folder_that_others_can_write_is_refused_and_told(opening: Opening) -> None:
    security = opening("officer")
    app = Desk(security, VaultScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(app)
        security.settings.keys_dir.chmod(0o777)
        await press(pilot, "r", "y")
        await shows(app, "The vault cannot be shown", "0777", "Enter tries again")
        security.settings.keys_dir.chmod(0o700)
        await press(pilot, "enter")
        await until(lambda: not app.screen.query_one(Closed).display, "the keys again")
        await press(pilot, "r", "y")
        await shows(app, "Done:")


# ---- checking -------------------------------------------------------------------------------------------------------


async def test_a_check_says_that_every_sealed_value_opens(opening: Opening) -> None:
    security = opening("officer")
    app = Desk(security, VaultScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(app)
        await press(pilot, "c")
        await shows(app, "Every sealed value of every patient opens")
        found = security.audit.search(Filter(action="rotate_keys", principal="officer")).events
        assert found[0].event.outcome is Outcome.DONE


async def test_a_check_shows_how_far_it_is_and_esc_stops_it(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    security = opening("officer")
    go_on, looked = threading.Event(), Reading.record

    def held(reading: Reading, patient_id: str, grant: Grant) -> Record:
        if patient_id == "P0011":
            go_on.wait(20)
        return looked(reading, patient_id, grant)

    monkeypatch.setattr(Reading, "record", held)
    app = Desk(security, VaultScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(app)
        await press(pilot, "c")
        await shows(app, f"of {count(security)} patients", "Esc stops", "Esc Stop")
        await press(pilot, "escape")
        await shows(app, "Stopping")
        go_on.set()
        await shows(app, f"Stopped after 11 of {count(security)} patients")
        assert "Every sealed value" not in text_of(app)
        await press(pilot, "c")
        await shows(app, "Every sealed value of every patient opens")


async def test_a_check_names_the_place_of_a_value_that_was_moved_to_another_row(opening: Opening) -> None:
    security = opening("officer")
    first, second = (
        row[0] for row in security.clinical.database.query("SELECT patient_id FROM patient ORDER BY patient_id LIMIT 2")
    )
    with security.clinical.database.transaction() as connection:
        connection.execute(
            "UPDATE patient SET ssn = (SELECT ssn FROM patient WHERE patient_id = ?) WHERE patient_id = ?",
            (first, second),
        )
    app = Desk(security, VaultScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(app)
        await press(pilot, "c")
        await until(lambda: isinstance(app.screen, Notice), "the places")
        await shows(app, "What is wrong", f"patient.ssn of {second}")
        await press(pilot, "escape")
        await shows(app, "1 problem: something does NOT open")


# ---- the bench ------------------------------------------------------------------------------------------------------


async def seal(app: Desk, pilot: Pilot[None], text: str) -> str:
    """Type `text` on the bench; what is on the screen then, without line ends."""
    await press(pilot, "b")
    app.screen.query_one(Input).value = text
    await press(pilot, "enter")
    await shows(app, "Stored:", "in another row")
    return re.sub(r"\s+", " ", text_of(app))


@pytest.mark.parametrize("size", SIZES)
async def test_the_bench_shows_every_byte_that_would_be_stored(opening: Opening, size: tuple[int, int]) -> None:
    app = Desk(opening("officer"), VaultScreen)
    async with app.run_test(size=size) as pilot:
        await listed(app)
        shown = await seal(app, pilot, "Grüße 42")
        names = ("layout", "data key id", "version", "nonce", "ciphertext", "tag")
        found = {name: re.search(rf"{name} ([0-9a-f]+)", shown) for name in names}
        sizes = {name: len(bytes.fromhex(match[1])) for name, match in found.items() if match}
        assert sizes == {"layout": 1, "data key id": 8, "version": 1, "nonce": 12, "ciphertext": 10, "tag": 16}
        assert f"Stored: {sum(sizes.values())} bytes" in shown
        assert "opened again Grüße 42" in shown


async def test_the_bench_shows_that_a_changed_bit_and_another_row_are_refused(opening: Opening) -> None:
    app = Desk(opening("officer"), VaultScreen)
    async with app.run_test(size=(120, 40)) as pilot:
        await listed(app)
        shown = await seal(app, pilot, "a secret")
        assert "one bit changed REFUSED: bench.text of bench-1: the sealed value was changed" in shown
        assert "in another row REFUSED: bench.text of bench-2: the sealed value was changed" in shown


async def test_what_the_bench_shows_is_really_sealed(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checked with the cipher itself and the key the bench made, which only this test keeps."""
    security = opening("officer")
    made: list[bytes] = []

    def keep(size: int) -> bytes:
        made.append(bytes(range(len(made), len(made) + size)))
        return made[-1]

    monkeypatch.setattr(security, "random_bytes", keep)
    app = Desk(security, VaultScreen)
    async with app.run_test(size=(120, 40)) as pilot:
        await listed(app)
        await seal(app, pilot, "a secret")
        panel = app.screen
        assert isinstance(panel, VaultScreen)
        assert panel._bench is not None
        part = {one.name: bytes.fromhex(one.hex) for one in panel._bench.parts}
        key = next(value for value in reversed(made) if len(value) == 32)
        head = part["version"] + part["layout"] + part["data key id"]
        bound = head + b"lakewarden-sealed\0bench-1\0bench\0text\0"
        sealed = part["ciphertext"] + part["tag"]
        assert AESGCM(key).decrypt(part["nonce"], sealed, bound) == b"a secret"
        with pytest.raises(InvalidTag):
            AESGCM(key).decrypt(part["nonce"], sealed, bound.replace(b"bench-1", b"bench-2"))


async def test_a_long_text_can_be_scrolled_and_a_hostile_one_moves_no_cursor(opening: Opening) -> None:
    app = Desk(opening("officer"), VaultScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(app)
        await press(pilot, "b")
        app.screen.query_one(Input).post_message(events.Paste("\x1b[2J" + "x" * 390))
        await pilot.pause()
        await press(pilot, "enter")
        await shows(app, "Stored:")
        await press(pilot, "tab", "end")
        await shows(app, "in another row")
        assert "\x1b" not in text_of(app)
        await press(pilot, "escape")
        assert app.screen.query_one(KeyTable).has_focus


# ---- words ----------------------------------------------------------------------------------------------------------


def status(*, rotating: str | None) -> VaultStatus:
    keks = (
        KekStatus("0001-aaaaaaaa", NOW - timedelta(days=90), timedelta(days=90), 7, False),
        KekStatus("0002-bbbbbbbb", NOW, timedelta(), 13, True),
    )
    return VaultStatus("AES-256-GCM", keks, 20, None, rotating)


def test_an_open_rotation_is_told_with_what_is_left() -> None:
    words, tone = state_words(status(rotating="0002-bbbbbbbb"))
    assert "A rotation to 0002-bbbbbbbb is OPEN: 7 of 20" in words
    assert tone == "wait"
    assert question(status(rotating="0002-bbbbbbbb"))[0] == "Go on with the rotation?"
    assert question(status(rotating=None))[0] == "Rotate the key?"


@pytest.mark.parametrize("size", SIZES)
async def test_an_empty_vault_says_so_and_what_fills_it(opening: Opening, size: tuple[int, int]) -> None:
    security = opening("officer")
    with security.clinical.database.transaction() as connection:
        for kind in ("patient", "data_key", "kek"):
            connection.execute(f"DELETE FROM {kind}")
    app = Desk(security, VaultScreen)
    async with app.run_test(size=size):
        await shows(app, "The vault is empty", "`lakewarden records load", "No key is in use yet")
        assert "never rotated" not in text_of(app)


@pytest.mark.parametrize(
    ("age", "words"),
    [(timedelta(seconds=-3), "0 min"), (timedelta(minutes=59), "59 min"), (timedelta(hours=47), "47 h"),
     (timedelta(days=90), "90 d")],
)  # fmt: skip
def test_an_age_is_told_in_its_largest_unit(age: timedelta, words: str) -> None:
    assert age_of(age) == words


def test_no_line_of_the_bench_is_wider_than_the_panel(opening: Opening) -> None:
    security = opening("officer")
    app = Desk(security, VaultScreen)
    bench = app.open_office().vault.bench("x" * 400)
    for width in (40, 77, 117):
        assert max(sum(len(text) for text, _tone in line) for line in bench_lines(bench, width)) <= width


async def test_every_key_is_in_the_help(opening: Opening) -> None:
    app = Desk(opening("officer"), VaultScreen)
    async with app.run_test(size=(80, 24)):
        await listed(app)
        named = {binding.id for binding, _node in bindings_of(app.screen)}
        assert {"vault.rotate", "vault.check", "vault.bench", "vault.stop"} <= named


async def test_the_heading_that_is_marked_is_that_of_the_panel_with_the_keys(opening: Opening) -> None:
    app = Desk(opening("officer"), VaultScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        table = await listed(app)
        assert app.screen.focused is table
        app.screen.post_message(events.DescendantFocus(app.screen.query_one("#bench-text", Input)))  # told late
        await pilot.pause()
        titles = app.screen.query(SectionTitle)
        assert [title.id for title in titles if title._active] == ["keys-title"]
