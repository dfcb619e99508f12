"""Server process: a bare uvicorn that answers everything with the same bytes. What HTTP itself costs here."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn


def bare(body: bytes) -> Any:
    """An ASGI application."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    return answer


if __name__ == "__main__":
    port, size = map(int, sys.argv[1:])
    uvicorn.run(
        bare(b"x" * size),
        host="127.0.0.1",
        port=port,
        http="httptools",
        loop="uvloop",
        lifespan="off",
        access_log=False,
        log_level="warning",
    )
