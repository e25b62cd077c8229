"""The line that tells which view of a section is shown, and the keys of the others."""

from __future__ import annotations

from collections.abc import Sequence

from console.tui.widgets.bars import BarLine


class ViewLine(BarLine):
    """` F2 Explorer  F3 Matrix …`, the one that is shown marked by brackets too, not by its colour alone."""

    def __init__(self, views: Sequence[tuple[str, str, str]], here: str) -> None:
        super().__init__(id="view-line")
        self._views = views
        self._here = here

    def show(self, here: str) -> None:
        """Mark another."""
        if here != self._here:
            self._here = here
            self.refresh()

    def parts(self) -> Sequence[tuple[str, str, str]]:
        found: list[tuple[str, str, str]] = [(" ", "heading", "")]
        for name, key, title in self._views:
            here = name == self._here
            found.append((f" {key} ", "title", f"show('{name}')"))
            found.append((f"[{title}] " if here else f" {title}  ", "strong" if here else "heading", f"show('{name}')"))
        return found
