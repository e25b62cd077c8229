"""Checking proofs as RFC 9162 §2.1.3.2 and §2.1.4.2 write it: independent of the code that makes them.

All that is needed is a root from a signed checkpoint; the log itself need not be trusted, or there.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from hmac import compare_digest

from security.errors import ProofRefused


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """That the leaf hash `leaf` is number `index` of the tree of `size` leaves and root `root`. Raises ProofRefused."""
    if not 0 <= index < size:
        raise ProofRefused(f"expected a leaf from 0 to {size - 1}, found {index}")
    _check_hashes(leaf, root, *proof)
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            raise ProofRefused(f"expected a shorter proof for a tree of {size} leaves, found {len(proof)} hashes")
        if fn & 1 or fn == sn:
            r = _parent(p, r)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = _parent(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0 or not compare_digest(r, root):
        raise ProofRefused(f"the proof does not lead from leaf {index} to the root of {size} leaves")


def check_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """That the tree of `new` leaves begins with the tree of `old` leaves. Raises ProofRefused."""
    if not 0 <= old <= new:
        raise ProofRefused(f"expected an earlier size from 0 to {new}, found {old}")
    if old in (0, new):
        _check_trivial(old, new, old_root, new_root, proof)
        return
    _check_hashes(old_root, new_root, *proof)
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise ProofRefused(f"expected a proof from {old} to {new} leaves, found an empty one")
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            raise ProofRefused(f"expected a shorter proof from {old} to {new} leaves, found {len(proof)} hashes")
        if fn & 1 or fn == sn:
            fr, sr = _parent(c, fr), _parent(c, sr)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = _parent(sr, c)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0 or not compare_digest(fr, old_root) or not compare_digest(sr, new_root):
        raise ProofRefused(f"the tree of {new} leaves does not begin with the tree of {old} leaves")


def _check_trivial(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    if proof:
        raise ProofRefused(f"expected an empty proof from {old} to {new} leaves, found {len(proof)} hashes")
    if old == new and not compare_digest(old_root, new_root):
        raise ProofRefused(f"two different roots for one size, {old}")


def _check_hashes(*hashes: bytes) -> None:
    for found in hashes:
        if len(found) != 32:
            raise ProofRefused(f"expected hashes of 32 bytes, found one of {len(found)}")


def _parent(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()
