"""The keys of the records panel; each panel that can have the focus has those that mean something in it."""

from __future__ import annotations

from textual.binding import Binding, BindingType


def key(keys: str, name: str, what: str, tooltip: str, *, show: bool = True) -> Binding:
    """A key that lets the body of the screen do `name`."""
    return Binding(
        keys, f"screen.do('{name}')", what, show=show, id=f"records.{name.replace('_', '-')}", tooltip=tooltip
    )


FIND: tuple[BindingType, ...] = (
    key("slash", "find", "Find", "Find patients by name, every word of it, or by the beginning of an id"),
    key("o", "open_id", "Open id", "Open the record of a patient whose id you type"),
)
OF_RECORD: tuple[BindingType, ...] = (
    key("i", "reveal", "Identifiers", "Show SSN and insurance id for a short time, or hide them; it is audited"),
    key("a", "add", "Add", "Add an entry to the medical history"),
    key("e", "amend", "Amend", "Write a newer text of the selected entry; the older stays"),
    key("h", "history", "History", "Go to the newest entry of the medical history"),
    key("v", "versions", "Versions", "The selected entry's texts, with who wrote each and when"),
    key("r", "reread", "Read again", "Read the list or the record again"),
    key("y", "copy", "Copy", "Copy the value of the line; nothing that identifies the patient"),
    key("b", "break_glass", "Emergency", "Open the record of a patient who is not assigned; loudly audited"),
    key("escape", "leave", "Close", "Close the record"),
)
OFFICER: tuple[BindingType, ...] = (
    key("a", "assign", "Assign", "Let a doctor treat a patient"),
    key("x", "unassign", "Unassign", "A doctor no longer treats a patient"),
)
RESEARCH: tuple[BindingType, ...] = (
    key("enter", "ask", "Ask", "Ask the question"),
    key("up", "up", "Up", "The field above", show=False),
    key("down", "down", "Next field", "The field below"),
)
