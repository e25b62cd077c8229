"""The inclusion proof of one event: what it leads from and to, whether it holds, and what that means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from console.tui.audit.event_words import about, events_words, grouped, outcome_cell
from console.tui.audit.lines_dialog import LinesDialog, named_lines, sentence
from console.tui.clipboard import TooLongToCopy, copy
from console.tui.text import plain
from console.tui.widgets.line_panel import Line
from security.audit.search import Recorded

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.audit import Proof


class ProofView(LinesDialog):
    """A proof, to be read and copied."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "Copy", id="proof.copy", tooltip="Copy the proof with its checkpoint"),
    ]

    def __init__(self, proof: Proof, recorded: Recorded) -> None:
        super().__init__(f"Proof of event {proof.seq:,}")
        self._proof = proof
        self._recorded = recorded
        self._copied = ""

    def lines(self, width: int) -> Sequence[Line]:
        proof, event = self._proof, self._recorded.event
        verdict, tone, meaning = meaning_of(proof)
        done = "".join(text for text, _tone in outcome_cell(event).parts)
        fields = [
            ("event", f"{plain(event.principal)}: {plain(event.action)} on {about(event)}, {done}", "text"),
            ("leaf", grouped(proof.leaf), "accent"),
            *(
                (f"{number} {side}", grouped(sibling), "text")
                for number, (side, sibling) in enumerate(sides(proof), start=1)
            ),
            ("root", grouped(proof.root), "accent"),
        ]
        found: list[Line] = [((verdict, tone),), *sentence(meaning, "text", width), (), *named_lines(fields, width)]
        found += [(), (("The signed checkpoint: keep it elsewhere and compare", "title"),)]
        note = proof.checkpoint or "none"
        for line in note.rstrip("\n").split("\n"):
            found += sentence(plain(line), "muted", width)
        return found

    def hint(self) -> str:
        return self._copied or "Up and Down scroll, y copies, Esc closes"

    def action_copy(self) -> None:
        try:
            copy(self.app, proof_text(self._proof))
            self._copied = "Sent to the terminal's clipboard."
        except TooLongToCopy as error:
            self._copied = str(error)
        self.show()


def meaning_of(proof: Proof) -> tuple[str, str, str]:
    """The verdict, its tone, and what it means."""
    steps = "1 hash leads" if len(proof.path) == 1 else f"{len(proof.path)} hashes lead"
    if proof.holds:
        return (
            "It holds",
            "good",
            f"Event {proof.seq:,} is in the log of {events_words(proof.size)} exactly as it is shown: {steps} from it "
            "to the root that the signed checkpoint names. To change, remove or move it would give another root.",
        )
    return (
        "It does NOT hold",
        "bad-strong",
        f"Event {proof.seq:,} as it is stored does not lead to the root that the signed checkpoint of {proof.size:,} "
        "events names: it, or an event beside it, was changed. v verifies the whole log and says where.",
    )


def sides(proof: Proof) -> list[tuple[str, bytes]]:
    """Each hash of the path with the side on which it stands (RFC 9162 §2.1.3.2)."""
    fn, sn = proof.seq, proof.size - 1
    found: list[tuple[str, bytes]] = []
    for sibling in proof.path:
        left = bool(fn & 1) or fn == sn
        found.append(("left" if left else "right", sibling))
        while left and not fn & 1 and fn:
            fn, sn = fn >> 1, sn >> 1
        fn, sn = fn >> 1, sn >> 1
    return found


def proof_text(proof: Proof) -> str:
    """The proof as text, for whoever checks it elsewhere."""
    path = "\n".join(f"path {side} {sibling.hex()}" for side, sibling in sides(proof))
    return (
        f"event {proof.seq} of {proof.size}\nprevious {proof.previous.hex()}\nbody {proof.body}\n"
        f"leaf {proof.leaf.hex()}\n{path}\nroot {proof.root.hex()}\n\n{proof.checkpoint or ''}"
    )
