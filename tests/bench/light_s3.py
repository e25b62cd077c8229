"""A conditional-put S3 stub that keeps up with thousands of objects, where the moto server would set the pace.

It knows PUT with `If-None-Match: *` and GET, checks no signature, and keeps everything in memory. For benchmarks only:
the tests use real servers. `python -m tests.bench.light_s3` prints its address and serves until standard input ends.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys

TAKEN = (
    b'<?xml version="1.0"?><Error><Code>PreconditionFailed</Code>'
    b"<Message>At least one of the pre-conditions you specified did not hold</Message></Error>"
)
MISSING = b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>'


class LightS3:
    """The objects, and how one connection's requests are answered."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *rest = head.split("\r\n")
                fields = {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in rest)}
                if fields.get("expect"):
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                sent = await reader.readexactly(int(fields.get("content-length", "0")))
                method, path, _ = line.split(" ")
                status, body = self._answer(method, path, _plain(fields, sent))
                etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
                writer.write(
                    f'HTTP/1.1 {status} Light\r\nContent-Length: {len(body)}\r\nETag: "{etag}"\r\n\r\n'.encode() + body
                )
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            writer.close()

    def _answer(self, method: str, path: str, sent: bytes) -> tuple[int, bytes]:
        if method == "PUT":
            if path in self._objects:
                return 412, TAKEN
            self._objects[path] = sent
            return 200, b""
        found = self._objects.get(path)
        return (404, MISSING) if found is None else (200, found)


def _plain(fields: dict[str, str], sent: bytes) -> bytes:
    """The body without the framing of `aws-chunked`, in which boto3 sends its own checksum."""
    if "aws-chunked" not in fields.get("content-encoding", ""):
        return sent
    body = b""
    while sent:
        size, _, sent = sent.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16)
        if not length:
            return body
        body, sent = body + sent[:length], sent[length + 2 :]
    return body


async def main() -> None:
    server = await asyncio.start_server(LightS3().serve, "127.0.0.1", 0, backlog=256)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
