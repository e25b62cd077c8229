"""The one pass over the events that a verification makes: chain, tree, seals, and the roots at wanted sizes.

Memory does not grow with the log. After a fault the pass goes on from the hashes that are stored, so that one change
is reported where it is, not at every event behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b, sha256

from security.audit.merkle import HASH_BYTES, LEAF, NODE, root_of
from security.audit.report import Fault, Findings

Row = tuple[int, bytes, bytes, bytes | None]  # seq, body, nodes, mac


class Scan:
    """The state of a pass: `size` events seen, `roots` at the sizes in `wanted`."""

    def __init__(self, head: bytes, head_key: bytes | None, wanted: Iterable[int], findings: Findings) -> None:
        self.size = 0
        self.events = 0
        self.roots: dict[int, bytes] = {}
        self._head = head
        self._head_key = head_key
        self._wanted = sorted(set(wanted), reverse=True)
        self.findings = findings
        self._peaks: list[bytes] = []
        self._tree_known = True
        self._last_mac: bytes | None = None
        self._keep_roots()

    def root(self) -> bytes:
        return root_of(self._peaks)

    def take(self, rows: list[Row]) -> None:
        """The next events, in the order of their numbers."""
        head, peaks, size = self._head, self._peaks, self.size
        wanted = self._wanted[-1] if self._wanted else -1
        try:
            for seq, body, nodes, mac in rows:
                if seq != size:
                    self._leave(head, size)
                    head, size = self._jump(seq)
                    peaks, wanted = self._peaks, -1
                leaf = sha256(LEAF + head + body).digest()
                made = leaf
                if seq & 1:
                    parent = leaf
                    position = seq
                    while position & 1:
                        parent = sha256(NODE + peaks.pop() + parent).digest()
                        made += parent
                        position >>= 1
                    peaks.append(parent)
                else:
                    peaks.append(leaf)
                if nodes != made:
                    leaf = self._differs(seq, leaf, made, nodes)
                if mac is not None:
                    self._check_mac(seq, leaf, mac)
                head = leaf
                size = seq + 1
                if size == wanted:
                    self._leave(head, size)
                    self._keep_roots()
                    wanted = self._wanted[-1] if self._wanted else -1
        finally:
            self._leave(head, size)
        if rows:
            self._last_mac = rows[-1][3]
        self.events += len(rows)

    def end(self) -> None:
        """After the last event: it must be authenticated, as the last of its commit."""
        if self.events and self._last_mac is None and self._head_key is not None:
            self.findings.add(
                Fault.TRUNCATED, self.size - 1, f"event {self.size - 1} is the last, but not the last of its commit"
            )

    def _leave(self, head: bytes, size: int) -> None:
        self._head, self.size = head, size

    def _keep_roots(self) -> None:
        while self._wanted and self._wanted[-1] <= self.size:
            size = self._wanted.pop()
            if size == self.size:
                self.roots[size] = root_of(self._peaks)

    def _jump(self, seq: int) -> tuple[bytes, int]:
        """Go on at `seq` after missing events: from here only the chain can be compared, no root."""
        last = "" if seq == self.size + 1 else f" to {seq - 1}"
        self.findings.add(Fault.GAP, self.size, f"expected event {self.size}, found {seq}: {self.size}{last} missing")
        self._tree_known = False
        self._wanted = []
        self._peaks = [bytes(HASH_BYTES)] * seq.bit_count()
        return self._head, seq

    def _differs(self, seq: int, leaf: bytes, made: bytes, nodes: bytes) -> bytes:
        """Say what is wrong with the stored hashes of an event, and take them as they are for what follows."""
        stored = nodes[:HASH_BYTES]
        if stored != leaf:
            self.findings.add(
                Fault.EVENT,
                seq,
                f"event {seq} does not give its leaf hash: it was changed, or did not follow event {seq - 1}",
            )
        elif self._tree_known:
            self.findings.add(Fault.TREE, seq, f"the tree hashes stored with event {seq} are not those of its events")
        if len(stored) != HASH_BYTES:
            return leaf
        if len(nodes) == len(made):
            self._peaks[-1] = nodes[-HASH_BYTES:]
        return stored

    def _check_mac(self, seq: int, leaf: bytes, mac: bytes) -> None:
        if self._head_key is not None and blake2b(leaf, digest_size=HASH_BYTES, key=self._head_key).digest() != mac:
            self.findings.add(
                Fault.SEAL, seq, f"event {seq} is not authenticated with the log's key: it was written by somebody else"
            )


Progress = Callable[[int, int], None]  # events done, events in all
