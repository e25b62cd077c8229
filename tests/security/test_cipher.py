"""The cipher against published vectors, and its envelope against every kind of change."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.errors import SealBroken
from security.vault.cipher import decrypt_with_nonce, encrypt_with_nonce, open_sealed, seal

KEY = bytes(range(32))


@dataclass(frozen=True, slots=True)
class Vector:
    name: str
    key: bytes
    nonce: bytes
    plaintext: bytes
    aad: bytes
    sealed: bytes
    valid: bool


def vector(name: str, key: str, nonce: str, plaintext: str, aad: str, sealed: str, valid: bool = True) -> Vector:
    """A vector from its parts in hex; `sealed` is ciphertext and tag."""
    of = bytes.fromhex
    return Vector(name, of(key), of(nonce), of(plaintext), of(aad), of(sealed), valid)


_KEY_15 = "feffe9928665731c6d6a8f9467308308" * 2
_TEXT_15 = (
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255"
)
_SEALED_15 = (
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
)

# McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B: the test cases with a 256-bit key and a
# 96-bit nonce.
CARRIED = [
    vector("case 13", "00" * 32, "00" * 12, "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
    vector(
        "case 14",
        "00" * 32,
        "00" * 12,
        "00" * 16,
        "",
        "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
    ),
    vector(
        "case 15",
        _KEY_15,
        "cafebabefacedbaddecaf888",
        _TEXT_15,
        "",
        _SEALED_15 + "b094dac5d93471bdec1a502270e3cc6c",
    ),
    vector(
        "case 16",
        _KEY_15,
        "cafebabefacedbaddecaf888",
        _TEXT_15[:120],
        "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        _SEALED_15[:120] + "76fc6ece0f4e1768cddf8853bb2d551b",
    ),
]


def published() -> list[Vector]:
    """Project Wycheproof's AES-GCM vectors of our key, nonce and tag size, where the file is at hand."""
    beside = Path(__file__).parents[3] / "shared" / "vectors"
    file = Path(os.environ.get("LAKEWARDEN_VECTORS", beside)) / "wycheproof_aes_gcm.json"
    if not file.is_file():
        return []
    groups = json.loads(file.read_text())["testGroups"]
    return [
        vector(
            f"wycheproof {case['tcId']}",
            case["key"],
            case["iv"],
            case["msg"],
            case["aad"],
            case["ct"] + case["tag"],
            case["result"] == "valid",
        )
        for group in groups
        if (group["keySize"], group["ivSize"], group["tagSize"]) == (256, 96, 128)
        for case in group["tests"]
    ]


@pytest.mark.parametrize("case", [*CARRIED, *published()], ids=lambda case: case.name)
def test_published_vectors(case: Vector) -> None:
    if case.valid:
        assert encrypt_with_nonce(case.key, case.nonce, case.plaintext, aad=case.aad) == case.sealed
        assert decrypt_with_nonce(case.key, case.nonce, case.sealed, aad=case.aad) == case.plaintext
    else:
        with pytest.raises(SealBroken):
            decrypt_with_nonce(case.key, case.nonce, case.sealed, aad=case.aad)


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_what_is_sealed_opens_with_the_same_key_and_place(plaintext: bytes, aad: bytes) -> None:
    assert open_sealed(KEY, seal(KEY, plaintext, aad=aad), aad=aad) == plaintext


@given(st.binary(max_size=40), st.data())
def test_any_changed_bit_is_noticed(plaintext: bytes, data: st.DataObject) -> None:
    envelope = bytearray(seal(KEY, plaintext, aad=b"place"))
    bit = data.draw(st.integers(0, len(envelope) * 8 - 1))
    envelope[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealBroken):
        open_sealed(KEY, bytes(envelope), aad=b"place")


@given(st.binary(max_size=60))
def test_arbitrary_bytes_never_open(envelope: bytes) -> None:
    with pytest.raises(SealBroken):
        open_sealed(KEY, envelope, aad=b"")


def test_another_key_or_place_does_not_open() -> None:
    envelope = seal(KEY, b"value", aad=b"here")
    with pytest.raises(SealBroken):
        open_sealed(KEY, envelope, aad=b"there")
    with pytest.raises(SealBroken):
        open_sealed(bytes(32), envelope, aad=b"here")


def test_a_value_sealed_twice_looks_different() -> None:
    assert seal(KEY, b"value", aad=b"") != seal(KEY, b"value", aad=b"")


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33])
def test_only_256_bit_keys_are_taken(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        seal(bytes(length), b"value", aad=b"")
    with pytest.raises(ValueError, match="32 bytes"):
        open_sealed(bytes(length), seal(KEY, b"value", aad=b""), aad=b"")
