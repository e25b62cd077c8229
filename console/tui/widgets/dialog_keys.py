"""The line of keys of what lies over a screen. It covers the line of that screen, whose keys do nothing meanwhile.

The application puts it into each dialog that is shown. What it says follows from the bindings of the dialog, and from
what has the focus in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from textual.binding import Binding
from textual.keys import key_to_character
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Button, Checkbox, Input

from console.tui.widgets.bars import KeyHints

NEXT = Binding("tab", "app.focus_next", "Next")


@runtime_checkable
class Hinted(Protocol):
    """A widget, or a dialog, whose keys change with what it shows."""

    @property
    def hints(self) -> Sequence[Binding]:
        """The keys that do something now, the most important first."""
        ...


class DialogKeys(KeyHints):
    """Shows `keys`, or where there are none the keys of the dialog as they are now."""

    DEFAULT_CSS = "DialogKeys { dock: bottom; layer: keys; }"

    def __init__(self, keys: Sequence[Binding] = (), *, helped: bool = True) -> None:
        super().__init__(helped=helped)
        self._keys = keys

    def on_mount(self) -> None:
        self.watch(self.screen, "focused", self.tell)

    def tell(self) -> None:
        """Show the keys as they are now."""
        self.show(self._keys or dialog_keys(self.screen), typing=True)


def dialog_keys(screen: Screen[Any]) -> list[Binding]:
    """The keys of a dialog that do something with the focus where it is: first what Enter does, then the way out."""
    focused, own = screen.focused, _keys_of_dialog(screen)
    found = [*_keys_of_focused(screen, focused), *sorted(own, key=_rank)]
    if len(screen.focus_chain) > 1:
        found.append(NEXT)
    known: dict[str, Binding] = {}
    for key in found:
        if focused is None or not _typed(focused, key):
            known.setdefault(key.description, key)  # of two that do the same, the first
    return list(known.values())


def _rank(key: Binding) -> int:
    keys = key.key.split(",")
    return 0 if "enter" in keys else 1 if "escape" in keys else 2


def _keys_of_focused(screen: Screen[Any], focused: Widget | None) -> Sequence[Binding]:
    if isinstance(focused, Button):
        return (Binding("enter", "press", str(focused.label).partition(" (")[0]),)
    if isinstance(focused, Input):
        if isinstance(screen, Hinted):
            return [key for key in screen.hints if key.key == "enter"]
        given = next((key for key in _all_keys(screen) if key.key == "enter"), None)
        takes = given is not None or any("on_input_submitted" in kind.__dict__ for kind in type(screen).__mro__)
        return (Binding("enter", "submit", given.description if given else "Go on"),) if takes else ()
    if isinstance(focused, Checkbox):
        return (Binding("space", "toggle_button", "Switch"),)
    if isinstance(focused, Hinted):
        return focused.hints
    return [key for key in _all_keys(focused) if key.show and key.id] if focused is not None else ()


def _keys_of_dialog(screen: Screen[Any]) -> Sequence[Binding]:
    if isinstance(screen, Hinted):
        return screen.hints
    return [
        key for key in _all_keys(screen) if key.show and key.id and screen.check_action(key.action, ()) is not False
    ]


def _all_keys(node: Widget) -> Iterator[Binding]:
    """The bindings of a node, each key once: a class hides what it binds anew."""
    known: set[str] = set()
    for kind in type(node).__mro__:
        own = [key for key in kind.__dict__.get("BINDINGS", ()) if isinstance(key, Binding)]
        yield from (key for key in own if known.isdisjoint(key.key.split(",")))
        known |= {name for key in own for name in key.key.split(",")}


def _typed(focused: Widget, key: Binding) -> bool:
    """Whether the key is a letter for what has the focus."""
    first = key.key.partition(",")[0]
    return focused.check_consume_key(first, key_to_character(first))
