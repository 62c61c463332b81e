"""A Graph that says yes to every send, a fixed time after it was asked; nothing else.

`python -m benchmarks.graph_stub PORT MILLISECONDS`. One process, one event loop, no framework: it
has to cost less than whoever is measured against it.
"""

import asyncio
import itertools
import sys
from typing import Final, cast

HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    b'X-App-Usage: {"call_count":3,"total_time":1,"total_cputime":1}\r\nContent-Length: %d\r\n\r\n'
)
numbers = itertools.count(1)


class Stub(asyncio.Protocol):
    """One connection."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where the answers go."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete, later."""
        self._buffer += data
        while (length := _length(self._buffer)) is not None:
            self._buffer = self._buffer[length:]
            body = b'{"recipient_id":"7","message_id":"m_%016d"}' % next(numbers)
            answer = HEAD % len(body) + body
            asyncio.get_running_loop().call_later(self._seconds, self._transport.write, answer)


def _length(buffer: bytes) -> int | None:
    """Return how long the first request in `buffer` is; None while it is not complete."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = buffer[:end].lower()
    at = head.find(b"content-length:")
    length = end + 4 + (int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0)
    return length if len(buffer) >= length else None


async def serve(port: int, seconds: float) -> None:
    """Answer on `port` until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Stub(seconds), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))
