"""Signed notes and checkpoints, with the published note and keys."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from security.audit.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from security.audit.note import NoteSigner, NoteVerifier, open_note
from security.errors import CheckpointRefused

VECTOR = json.loads((Path(__file__).parent / "vectors" / "note.json").read_text())
VERIFIER = NoteVerifier.parse(VECTOR["verifier"])
SIGNER = NoteSigner("log.example/audit", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def test_the_published_note_opens() -> None:
    assert VERIFIER.text() == VECTOR["verifier"]
    assert open_note(VECTOR["note"], VERIFIER) == VECTOR["text"]


def test_the_published_key_signs_the_published_note() -> None:
    seed = base64.b64decode(VECTOR["signer"].split("+", 4)[4])[1:]
    signer = NoteSigner("PeterNeumann", Ed25519PrivateKey.from_private_bytes(seed))
    assert signer.sign(VECTOR["text"]) == VECTOR["note"]


@pytest.mark.parametrize("text", [*VECTOR["refused"], "", "a+b", "a+b+c", "a+00000000+AAAA"])
def test_a_wrong_verifier_is_refused(text: str) -> None:
    with pytest.raises(CheckpointRefused):
        NoteVerifier.parse(text)


def test_every_mangled_verifier_is_refused() -> None:
    whole = VECTOR["verifier"]
    for at in range(len(whole)):
        with pytest.raises(CheckpointRefused):
            NoteVerifier.parse(whole[:at] + chr(ord(whole[at]) + 1) + whole[at + 1 :])
        with pytest.raises(CheckpointRefused):
            NoteVerifier.parse(whole[:at])


def test_a_note_with_any_character_changed_is_refused() -> None:
    note = VECTOR["note"]
    for at in range(len(note)):
        with pytest.raises(CheckpointRefused):
            open_note(note[:at] + chr(ord(note[at]) ^ 1) + note[at + 1 :], VERIFIER)


def test_signatures_of_other_keys_are_ignored_but_do_not_help() -> None:
    line = SIGNER.sign(VECTOR["text"]).split("\n\n")[1]
    assert open_note(VECTOR["note"] + line, VERIFIER) == VECTOR["text"]
    with pytest.raises(CheckpointRefused, match="found none"):
        open_note(SIGNER.sign(VECTOR["text"]), VERIFIER)


def test_a_wrong_signature_of_the_key_refuses_the_note() -> None:
    wrong = base64.b64encode(VERIFIER.key_id + bytes(64)).decode()
    with pytest.raises(CheckpointRefused, match="does not fit"):
        open_note(f"{VECTOR['note']}— PeterNeumann {wrong}\n", VERIFIER)


@pytest.mark.parametrize("text", ["no newline", "tab\there\n", "return\r\n"])
def test_what_cannot_be_a_note_is_not_signed(text: str) -> None:
    with pytest.raises(CheckpointRefused):
        SIGNER.sign(text)


def test_the_published_checkpoint_text() -> None:
    checkpoint = parse_checkpoint(VECTOR["checkpoint"])
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text() == VECTOR["checkpoint"]
    assert parse_checkpoint(VECTOR["checkpoint"] + "an extension line\n") == checkpoint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("20852163", "020852163"),
        ("20852163", "-1"),
        ("20852163", "9" * 30),
        ("20852163\n", ""),
        ("CsUY", "Cs=="),
        ("q2I=", "q2J="),
        ("example.com/behind-the-sofa", ""),
        ("2I=\n", "2I="),
        ("2I=\n", "2I=\n\n"),
    ],
)
def test_a_malformed_checkpoint_is_refused(old: str, new: str) -> None:
    with pytest.raises(CheckpointRefused):
        parse_checkpoint(VECTOR["checkpoint"].replace(old, new, 1))


def test_a_checkpoint_of_another_log_is_refused() -> None:
    ours = Checkpoint(SIGNER.name, 3, bytes(32))
    assert open_checkpoint(ours.sign(SIGNER), SIGNER.verifier) == ours
    with pytest.raises(CheckpointRefused, match="another log"):
        open_checkpoint(Checkpoint("other.example", 3, bytes(32)).sign(SIGNER), SIGNER.verifier)
