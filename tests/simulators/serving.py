"""Runs a simulator as a program of its own, for whatever must not share its process with the server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
STOP_S = 10.0


@contextmanager
def serving(module: str, *, environ: Mapping[str, str] | None = None, quiet: bool = False) -> Iterator[str]:
    """The address of `python -m module`, which prints it first and serves until its standard input ends.

    `environ` is added to the environment; `quiet` drops what the server writes to stderr.
    """
    server = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None,
        env={**os.environ, **(environ or {})},
        text=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        address = server.stdout.readline().strip()
        assert address.startswith("http://"), f"expected {module} to print its address, found {address!r}"
        yield address
    finally:
        server.stdin.close()
        try:
            server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(STOP_S)
        server.stdout.close()
