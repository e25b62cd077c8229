"""Makes calls that may wait off the user interface's loop, each in a daemon thread that leaving never waits for."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from textual.message import Message
from textual.message_pump import MessagePump

from console.tui.messages import Delivered

T = TypeVar("T")
log = logging.getLogger(__name__)


def post(target: MessagePump, message: Message) -> None:
    """Post from any thread; to a screen that is gone, nothing is posted."""
    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        target.post_message(message)


def off_loop(
    target: MessagePump, work: Callable[[], T], then: Callable[[T], None], otherwise: Callable[[Exception], None]
) -> None:
    """Call `work` in a thread, and `then` with its result or `otherwise` with its error on the loop of `target`."""

    def carry_out() -> None:
        receive: Callable[[Any], None]
        try:
            result: Any = work()
            receive = then
        except Exception as error:  # noqa: BLE001 – the thread's boundary: every error is told on the screen
            log.info("an action was refused or failed: %s", error)
            result, receive = error, otherwise
        post(target, Delivered(receive, result))

    threading.Thread(target=carry_out, name="console-action", daemon=True).start()
