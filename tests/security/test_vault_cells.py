"""Sealed cells: published vectors, and every way of changing or moving a cell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.errors import SealBroken
from security.vault.cipher import decrypt_with_nonce, encrypt_with_nonce
from security.vault.sealed import KEY_ID_BYTES, DataKey

VECTORS = json.loads((Path(__file__).parent / "vectors" / "wycheproof_aes_256_gcm.json").read_text())
KEY = DataKey(b"12345678", bytes(range(32)))
PLACE = {"row": "P0001", "table": "patient", "column": "ssn", "part": ""}


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: f"{case['tcId']} {case['comment']}")
def test_wycheproof(case: dict[str, Any]) -> None:
    key, nonce, aad, clear = (bytes.fromhex(case[part]) for part in ("key", "iv", "aad", "msg"))
    sealed = bytes.fromhex(case["ct"] + case["tag"])
    if case["result"] == "valid":
        assert encrypt_with_nonce(key, nonce, clear, aad=aad) == sealed
        assert decrypt_with_nonce(key, nonce, sealed, aad=aad) == clear
    else:
        with pytest.raises(SealBroken):
            decrypt_with_nonce(key, nonce, sealed, aad=aad)


def test_the_vectors_are_all_there() -> None:
    results = [case["result"] for case in VECTORS]
    assert (len(results), results.count("valid")) == (66, 39)


@given(st.text(max_size=80))
def test_a_cell_opens_in_its_place(clear: str) -> None:
    clear = clear.encode(errors="replace").decode()
    cell = KEY.seal(clear, **PLACE)
    assert KEY.open(cell, **PLACE) == clear
    assert cell[1 : 1 + KEY_ID_BYTES] == KEY.id


@pytest.mark.parametrize("part", PLACE)
def test_a_cell_opens_in_no_other_place(part: str) -> None:
    cell = KEY.seal("000-12-3456", **PLACE)
    with pytest.raises(SealBroken, match="was changed, or belongs to another key or place"):
        KEY.open(cell, **(PLACE | {part: "other"}))


def test_parts_of_a_place_cannot_be_moved_over() -> None:
    cell = KEY.seal("x", table="a", column="bc", row="d", part="e")
    with pytest.raises(SealBroken):
        KEY.open(cell, table="ab", column="c", row="d", part="e")


@given(st.data())
def test_any_flipped_bit_is_refused_and_named(data: st.DataObject) -> None:
    cell = bytearray(KEY.seal("000-12-3456", **PLACE))
    bit = data.draw(st.integers(0, len(cell) * 8 - 1))
    cell[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealBroken, match=r"^patient\.ssn of P0001: "):
        KEY.open(bytes(cell), **PLACE)


def test_every_truncation_is_refused_and_named() -> None:
    cell = KEY.seal("000-12-3456", **PLACE)
    for length in range(len(cell)):
        with pytest.raises(SealBroken, match=r"^patient\.ssn of P0001: "):
            KEY.open(cell[:length], **PLACE)


def test_the_key_of_another_subject_is_named() -> None:
    other = DataKey(b"abcdefgh", bytes(range(32)))
    with pytest.raises(SealBroken, match=f"data key {other.id.hex()}, found one of {KEY.id.hex()}"):
        other.open(KEY.seal("x", **PLACE), **PLACE)


def test_another_key_of_the_same_id_does_not_open() -> None:
    with pytest.raises(SealBroken, match="another key or place"):
        DataKey(KEY.id, bytes(32)).open(KEY.seal("x", **PLACE), **PLACE)


def test_a_key_is_never_shown() -> None:
    assert KEY.material.hex() not in repr(KEY)
    assert repr(KEY.material) not in f"{KEY!r} {KEY}"


@pytest.mark.parametrize(("key_id", "material"), [(b"1234567", bytes(32)), (b"12345678", bytes(31))])
def test_keys_of_other_sizes_are_refused(key_id: bytes, material: bytes) -> None:
    with pytest.raises(ValueError, match="another size"):
        DataKey(key_id, material)
