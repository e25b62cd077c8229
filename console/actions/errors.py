"""What an action refuses, apart from what the domains raise themselves."""

from __future__ import annotations


class NoSuchRun(Exception):
    """No run, or nothing waiting in it, answers to what was asked for."""
