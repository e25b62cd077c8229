"""The Merkle tree of RFC 6962 §2.1 (RFC 9162 §2.1), pure: appending, roots and the making of proofs.

A node (level, index) is the root of the perfect subtree over the leaves index·2^level … (index+1)·2^level − 1. The
leaf that completes it is its last one; that is where it is stored. Proofs are checked by `proofs.py`, which shares no
code with this.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

HASH_BYTES = 32
LEAF = b"\x00"
NODE = b"\x01"
EMPTY_ROOT = hashlib.sha256(b"").digest()

NodeAt = Callable[[int, int], bytes]  # (level, index) → hash


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(LEAF + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(NODE + left + right).digest()


class Frontier:
    """The roots of the perfect subtrees of a tree of `size` leaves, largest first: all that appending needs."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)

    def append(self, leaf: bytes) -> bytes:
        """Add a leaf hash; what it completes: the leaf, then each larger subtree, joined. O(log n)."""
        made = [leaf]
        position = self.size
        while position & 1:
            made.append(node_hash(self.peaks.pop(), made[-1]))
            position >>= 1
        self.peaks.append(made[-1])
        self.size += 1
        return b"".join(made)

    def root(self) -> bytes:
        """The root hash of the tree as it is now."""
        return root_of(self.peaks)


def root_of(peaks: Sequence[bytes]) -> bytes:
    """The root of a tree with these perfect subtrees, largest first."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def peaks_of(size: int) -> list[tuple[int, int]]:
    """Where the peaks of a tree of `size` leaves are: (level, index), largest first."""
    levels = [level for level in range(size.bit_length() - 1, -1, -1) if size >> level & 1]
    return [(level, (size >> level) - 1) for level in levels]


def frontier_of(size: int, node: NodeAt) -> Frontier:
    """The frontier of a stored tree: at most log2(size)+1 nodes are read."""
    return Frontier(size, [node(level, index) for level, index in peaks_of(size)])


def inclusion_proof(index: int, size: int, node: NodeAt) -> list[bytes]:
    """PATH(index, D[size]) of RFC 6962 §2.1.1: the hashes that lead from leaf `index` to the root.

    Raises ValueError unless 0 ≤ index < size.
    """
    if not 0 <= index < size:
        raise ValueError(f"expected a leaf from 0 to {size - 1}, found {index}")
    return _path(index, 0, size, node)


def consistency_proof(old: int, new: int, node: NodeAt) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 6962 §2.1.2: that the tree of `new` leaves begins with that of `old`.

    Raises ValueError unless 0 ≤ old ≤ new.
    """
    if not 0 <= old <= new:
        raise ValueError(f"expected an earlier size from 0 to {new}, found {old}")
    return [] if old in (0, new) else _subproof(old, 0, new, node, whole=True)


def _path(index: int, start: int, end: int, node: NodeAt) -> list[bytes]:
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if index < middle:
        return [*_path(index, start, middle, node), _subtree(middle, end, node)]
    return [*_path(index, middle, end, node), _subtree(start, middle, node)]


def _subproof(old: int, start: int, end: int, node: NodeAt, *, whole: bool) -> list[bytes]:
    if old == end:
        return [] if whole else [_subtree(start, end, node)]
    middle = start + _split(end - start)
    if old <= middle:
        return [*_subproof(old, start, middle, node, whole=whole), _subtree(middle, end, node)]
    return [*_subproof(old, middle, end, node, whole=False), _subtree(start, middle, node)]


def _subtree(start: int, end: int, node: NodeAt) -> bytes:
    """The root over the leaves start … end − 1, where start is a multiple of the largest power of two in it."""
    count = end - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(count)
    return node_hash(_subtree(start, middle, node), _subtree(middle, end, node))


def _split(count: int) -> int:
    """The largest power of two smaller than `count`."""
    return 1 << (count - 1).bit_length() - 1
