"""Runs the command many times without starting Python each time: a server that has imported it forks for each.

What runs is `console.__main__.main` in a process of its own, with the arguments, environment, folder and streams that
it was given, and it ends as a process ends. What differs is that its modules are there already, so what a command
imports, and how long it takes to start, is tested elsewhere, with `python -m console`.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
LARGEST_INPUT = 32_768  # bytes that a pipe takes at once
_SERVE = "from tests.command_server import serve; import sys; sys.exit(serve(int(sys.argv[1])))"
_LANG = "C.UTF-8"
_MESSAGE_BYTES = 1 << 20


class CommandServer:
    """The server, started with its first command. One command at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def takes(self, arguments: Sequence[str], environ: Mapping[str, str], stdin: bytes) -> bool:
        """Whether a command is the same here: not if Python reads its environment, it is large, or another runs."""
        python = [name for name in environ if name.startswith(("PYTHON", "LC_"))]
        size = max(len(stdin), sum(map(len, arguments)))
        return not (python or self._lock.locked()) and environ.get("LANG") == _LANG and size <= LARGEST_INPUT

    def run(
        self, arguments: Sequence[str], environ: Mapping[str, str], folder: Path, stdin: bytes, timeout_s: float
    ) -> tuple[int, bytes, bytes]:
        """Exit code as subprocess has it, and what was written. Raises subprocess.TimeoutExpired."""
        with self._lock:
            server = self._socket or self._start()
            message = json.dumps([list(arguments), dict(environ), str(folder)]).encode()
            (their_in, to_write), (out, their_out), (err, their_err) = [os.pipe() for _ in range(3)]
            socket.send_fds(server, [message], [their_in, their_out, their_err])
            for theirs in (their_in, their_out, their_err):
                os.close(theirs)
            process_id = _receive(server)
            try:
                _write(to_write, stdin)
                written = _read_all([out, err], time.monotonic() + timeout_s)
            except TimeoutError:
                os.kill(process_id, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(arguments), timeout_s) from None
            finally:
                os.close(out)
                os.close(err)
                code = _receive(server)
            return code, written[0], written[1]

    def close(self) -> None:
        if self._socket is not None and self._process is not None:
            self._socket.close()
            self._process.communicate(timeout=10)

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environ = {"PATH": os.environ.get("PATH", os.defpath), "LANG": _LANG, "TZ": "UTC"}
        command = [sys.executable, "-c", _SERVE, str(theirs.fileno())]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environ,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.PIPE,  # pipes, as the commands have: what Python knows of its streams stays true
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        theirs.close()
        self._socket = ours
        return ours


def _write(pipe: int, body: bytes) -> None:
    try:
        os.write(pipe, body)
    except BrokenPipeError:  # it has ended without reading
        pass
    finally:
        os.close(pipe)


def _read_all(pipes: Sequence[int], end_s: float) -> list[bytes]:
    """What comes from each until all are closed at their other end. Raises TimeoutError."""
    bodies = {pipe: bytearray() for pipe in pipes}
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, end_s - time.monotonic()))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                part = os.read(key.fd, 65_536)
                bodies[key.fd] += part
                if not part:
                    selector.unregister(key.fd)
    return [bytes(bodies[pipe]) for pipe in pipes]


def _send(connection: socket.socket, number: int) -> None:
    connection.send(number.to_bytes(8, "big", signed=True))


def _receive(connection: socket.socket) -> int:
    body = connection.recv(8)
    assert body, "the command server has ended"
    return int.from_bytes(body, "big", signed=True)


# ---- the server ----------------------------------------------------------------------------------------------------


def serve(handle: int) -> int:
    """Fork for each command that comes, until the other end is closed; in the child: the command's exit code."""
    import_all()
    assert threading.active_count() == 1, "no thread is started by an import"
    connection = socket.socket(fileno=handle)
    while True:
        message, handles, _, _ = socket.recv_fds(connection, _MESSAGE_BYTES, 3)
        if not message:
            return 0
        process_id = os.fork()
        if process_id == 0:
            connection.close()
            return _command(message, handles)
        for one in handles:
            os.close(one)
        _send(connection, process_id)
        _, status = os.waitpid(process_id, 0)
        _send(connection, os.waitstatus_to_exitcode(status))


def import_all() -> None:
    """Import what the commands import, Textual and what only it needs left out."""
    import pkgutil
    from importlib import import_module

    import console.__main__
    import console.cli

    for module in pkgutil.iter_modules(console.cli.__path__, "console.cli."):
        import_module(module.name)


def _command(message: bytes, handles: Sequence[int]) -> int:
    arguments, environ, folder = json.loads(message)
    for number, handle in enumerate(handles):
        os.dup2(handle, number)
        os.close(handle)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    sys.argv = [str(ROOT / "console" / "__main__.py"), *arguments]
    from console.__main__ import main

    return main()
