"""Asking off the loop: one question at a time, the newest next, and no answer to one that was replaced."""

from __future__ import annotations

import threading

from textual.app import App

from console.tui.access.asker import Asker
from console.tui.messages import Delivered
from tests.console.tui.workspaces import until


class Asking(App[None]):
    """Answers each question with itself, once `go` is set."""

    def __init__(self, *, pause_s: float = 0.0) -> None:
        super().__init__()
        self.go = threading.Event()
        self.begun: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.errors: list[Exception] = []
        self.asker = Asker[str, str](
            self,
            self.answer,
            then=lambda question, answer: self.told.append((question, answer)),
            otherwise=self.errors.append,
            pause_s=pause_s,
        )

    def answer(self, question: str) -> str:
        self.begun.append(question)
        assert self.go.wait(20)
        if question == "bad":
            raise ValueError(question)
        return question.upper()

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)


async def test_a_question_that_was_replaced_on_its_way_is_not_answered() -> None:
    app = Asking()
    async with app.run_test():
        for question in ("a", "ab", "abc"):
            app.asker.ask(question)
        await until(lambda: app.begun, "the first question")
        app.go.set()
        await until(lambda: app.told, "an answer")
        assert app.told == [("abc", "ABC")]
        assert app.begun == ["a", "abc"]
        assert not app.asker.waiting


async def test_what_was_dropped_is_not_answered_and_the_next_is() -> None:
    app = Asking()
    async with app.run_test():
        app.asker.ask("a")
        await until(lambda: app.begun, "the question")
        app.asker.drop()
        app.go.set()
        app.asker.ask("b")
        await until(lambda: app.told, "an answer")
        assert app.told == [("b", "B")]


async def test_a_failure_is_told_and_does_not_stop_the_next() -> None:
    app = Asking()
    app.go.set()
    async with app.run_test():
        app.asker.ask("bad")
        await until(lambda: app.errors, "the failure")
        app.asker.ask("good")
        await until(lambda: app.told, "an answer")
        assert app.told == [("good", "GOOD")]


async def test_with_a_pause_only_what_stands_at_its_end_is_asked() -> None:
    app = Asking(pause_s=0.05)
    app.go.set()
    async with app.run_test():
        for question in ("a", "ab", "abc"):
            app.asker.ask(question)
        await until(lambda: app.told, "an answer")
        assert app.begun == ["abc"]
