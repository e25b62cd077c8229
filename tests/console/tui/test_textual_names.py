"""Our screens and widgets keep their state under names that Textual does not use for its own."""

from __future__ import annotations

import dis
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module

from textual.message_pump import MessagePump

import console.tui

ON_PURPOSE = {("LakewardenApp", "_clipboard")}  # forgotten when a session ends


@cache
def kept(kind: type) -> frozenset[str]:
    """The attributes that a class's own methods assign."""
    methods = [value.__code__ for value in vars(kind).values() if inspect.isfunction(value)]
    return frozenset(
        str(step.argval) for code in methods for step in dis.get_instructions(code) if step.opname == "STORE_ATTR"
    )


def parts() -> Iterator[type[MessagePump]]:
    """Every screen and widget of the console."""
    for module in pkgutil.walk_packages(console.tui.__path__, "console.tui."):
        for value in vars(import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, MessagePump) and value.__module__ == module.name:
                yield value


def test_no_private_attribute_of_textual_is_taken_for_something_else() -> None:
    found = [(kind, base) for kind in parts() for base in kind.__mro__ if base.__module__.startswith("textual.")]
    taken = {
        (kind.__name__, name)
        for kind, base in found
        for name in kept(kind) & (kept(base) | vars(base).keys())
        if name.startswith("_")
    }
    assert len(found) > 100
    assert taken == ON_PURPOSE
