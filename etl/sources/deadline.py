"""One deadline for a whole HTTP exchange: connection, headers and body together.

Separate because HTTP clients limit each read on its own, so that a server sending one byte a second, in the
headers or in the body, would hold a worker for hours.
"""

from __future__ import annotations

import ipaddress
import math
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore


class Deadline(threading.local):
    """The instant by which the calling thread's exchange must be over; each thread has its own."""

    ends_at = math.inf

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Everything sent and received in this block is over after `seconds`, or raises a time-out."""
        self.ends_at = time.monotonic() + seconds
        try:
            yield
        finally:
            self.ends_at = math.inf

    def limit(self, timeout_s: float | None) -> float | None:
        """`timeout_s`, or what is left if that is less. Raises `httpcore.TimeoutException` if nothing is."""
        left_s = self.ends_at - time.monotonic()
        if left_s <= 0:
            raise httpcore.TimeoutException("the time for the whole request is up")
        if left_s == math.inf:
            return timeout_s
        return left_s if timeout_s is None else min(left_s, timeout_s)


class DeadlineStream(httpcore.NetworkStream):
    """A connection whose every read and write ends by the deadline of the thread that uses it."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.limit(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.limit(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._deadline.limit(timeout))
        return DeadlineStream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens connections that keep the deadline. Name look-up alone is bounded by the system's resolver."""

    def __init__(self, inner: httpcore.NetworkBackend, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = resolve(host, port)
        for index, address in enumerate(addresses):
            limit_s = self._deadline.limit(timeout)
            # Each address gets its share, so that one that swallows packets leaves time for the next.
            share_s = None if limit_s is None else limit_s / (len(addresses) - index)
            try:
                inner = self._inner.connect_tcp(address, port, share_s, local_address, socket_options)
                return DeadlineStream(inner, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if index == len(addresses) - 1:
                    raise
        raise httpcore.ConnectError(f"no address found for {host}")


def resolve(host: str, port: int) -> list[str]:
    """The addresses of `host`, in the system's order of preference. Raises `httpcore.ConnectError`."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"the name {host} cannot be resolved: {error}") from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
