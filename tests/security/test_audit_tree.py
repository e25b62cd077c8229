"""The tree and its proofs: published vectors, and a naive tree written from the RFC's own recursion."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from security.audit.merkle import EMPTY_ROOT, Frontier, consistency_proof, frontier_of, inclusion_proof, leaf_hash
from security.audit.proofs import check_consistency, check_inclusion
from security.errors import ProofRefused

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "merkle.json").read_text())
LEAVES = [bytes.fromhex(leaf) for leaf in VECTORS["leaves"]]
ROOTS = [bytes.fromhex(root) for root in VECTORS["roots"]]


def naive_root(entries: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962 §2.1, word for word."""
    if not entries:
        return sha256().digest()
    if len(entries) == 1:
        return sha256(b"\0" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return sha256(b"\1" + naive_root(entries[:k]) + naive_root(entries[k:])).digest()


class Stored:
    """A tree as the log stores it: with each leaf, what it completes."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self.frontier = Frontier()
        self.rows = [self.frontier.append(leaf_hash(entry)) for entry in entries]

    def node(self, level: int, index: int) -> bytes:
        row = self.rows[((index + 1) << level) - 1]
        found = row[32 * level : 32 * level + 32]
        assert len(found) == 32
        return found


def hashes(proof: Sequence[str]) -> list[bytes]:
    return [bytes.fromhex(one) for one in proof]


@pytest.mark.parametrize("size", range(1, 9))
def test_the_published_roots(size: int) -> None:
    tree = Stored(LEAVES[:size])
    assert tree.frontier.root() == ROOTS[size - 1] == naive_root(LEAVES[:size])


def test_the_root_of_no_leaves() -> None:
    assert Frontier().root() == EMPTY_ROOT == naive_root([])


@pytest.mark.parametrize("vector", VECTORS["inclusion"])
def test_the_published_inclusion_proofs(vector: dict[str, Any]) -> None:
    index, size, proof = vector["index"], vector["size"], hashes(vector["proof"])
    assert inclusion_proof(index, size, Stored(LEAVES).node) == proof
    check_inclusion(leaf_hash(LEAVES[index]), index, size, proof, ROOTS[size - 1])


@pytest.mark.parametrize("vector", VECTORS["consistency"])
def test_the_published_consistency_proofs(vector: dict[str, Any]) -> None:
    old, new, proof = vector["old"], vector["new"], hashes(vector["proof"])
    assert consistency_proof(old, new, Stored(LEAVES).node) == proof
    check_consistency(old, new, ROOTS[old - 1], ROOTS[new - 1], proof)


def changed(proof: list[bytes], root: bytes) -> list[list[bytes]]:
    """Proofs that are wrong: a bit flipped in each hash, one too few, one too many, at either end."""
    flipped = [[*proof[:at], bytes([proof[at][0] ^ 8]) + proof[at][1:], *proof[at + 1 :]] for at in range(len(proof))]
    return [*flipped, proof[:-1], [*proof, root], [root, *proof], [*proof, b""], [b"", *proof]]


@pytest.mark.parametrize("vector", [one for one in VECTORS["inclusion"] if one["proof"]])
def test_a_wrong_inclusion_proof_is_refused(vector: dict[str, Any]) -> None:
    index, size, proof = vector["index"], vector["size"], hashes(vector["proof"])
    leaf, root = leaf_hash(LEAVES[index]), ROOTS[size - 1]
    attempts = [(leaf, index, size, wrong, root) for wrong in changed(proof, root)]
    attempts += [(leaf, at, size, proof, root) for at in (index - 1, index + 1, index ^ 2)]
    attempts += [(leaf, index, other, proof, root) for other in (size * 2, size // 2)]
    attempts += [(b"x" * 32, index, size, proof, root), (leaf, index, size, proof, EMPTY_ROOT)]
    for attempt in attempts:
        with pytest.raises(ProofRefused):
            check_inclusion(*attempt)


@pytest.mark.parametrize("vector", [one for one in VECTORS["consistency"] if one["proof"]])
def test_a_wrong_consistency_proof_is_refused(vector: dict[str, Any]) -> None:
    old, new, proof = vector["old"], vector["new"], hashes(vector["proof"])
    first, second = ROOTS[old - 1], ROOTS[new - 1]
    attempts = [(old, new, first, second, wrong) for wrong in [*changed(proof, second), []]]
    attempts += [(at, new, first, second, proof) for at in (old - 1, old + 1, old ^ 2)]
    attempts += [(old, other, first, second, proof) for other in (new * 2, new // 2)]
    attempts += [(old, new, second, first, proof), (old, new, b"x" * 32, second, proof)]
    for attempt in attempts:
        with pytest.raises(ProofRefused):
            check_consistency(*attempt)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.binary(max_size=8), max_size=70), st.data())
def test_every_root_and_proof_is_the_naive_tree_s(entries: list[bytes], data: st.DataObject) -> None:
    tree = Stored(entries)
    new = data.draw(st.integers(0, len(entries)))
    old = data.draw(st.integers(0, new))
    root = naive_root(entries[:new])
    assert frontier_of(new, tree.node).root() == root
    check_consistency(old, new, naive_root(entries[:old]), root, consistency_proof(old, new, tree.node))
    if new:
        index = data.draw(st.integers(0, new - 1))
        proof = inclusion_proof(index, new, tree.node)
        assert len(proof) <= new.bit_length()
        check_inclusion(leaf_hash(entries[index]), index, new, proof, root)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_no_proof_is_made_of_what_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="expected a leaf"):
        inclusion_proof(index, size, Stored(LEAVES).node)
    with pytest.raises(ProofRefused):
        check_inclusion(bytes(32), index, size, [], bytes(32))
