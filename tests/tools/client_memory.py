"""How much memory clients take that ask for 24 MB and read nothing: of the serving process, by their number.

    PYTHONPATH=tests python -m tools.client_memory

The server is a process of its own. Each number of clients meets a new one.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from pathlib import Path

from support.web.serving import Shared, backend, serving

ASK = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


async def serve(max_requests: int) -> None:
    """Print the port, then a line each time a client has been given all that it is given for now."""
    async with serving(backend(exposition=Shared()), max_requests=max_requests) as server:
        print(server.addresses[0][1], flush=True)  # noqa: T201  (for the other process)
        settled = -1
        while True:
            await asyncio.sleep(0.2)
            unsent = sum(connection.unsent for connection in server._connections._open)
            if unsent == settled:
                print(len(server._connections), unsent, flush=True)  # noqa: T201  (likewise)
            settled = unsent


def resident(process: int) -> int:
    """KiB."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0])


async def measure(clients: int, max_requests: int) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "serve", str(max_requests)),
        stdout=-1,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    await process.stdout.readline()
    before = resident(process.pid)
    sockets = []
    for _ in range(clients):
        sockets.append(socket.create_connection(("127.0.0.1", port)))
        sockets[-1].sendall(ASK)
    connected, unsent = 0, 0
    while connected < clients or unsent == 0:
        connected, unsent = map(int, (await process.stdout.readline()).split())
    after = resident(process.pid)
    print(  # noqa: T201  (for whoever measures)
        f"{clients} clients, --web.max-requests={max_requests}: RSS {before / 1024:.1f} MiB before, "
        f"{after / 1024:.1f} MiB with them, {unsent / 2**20:.1f} MiB not taken"
    )
    process.send_signal(signal.SIGKILL)
    await process.wait()
    for each in sockets:
        each.close()


async def main() -> None:
    for clients, max_requests in ((1, 40), (40, 40), (200, 40), (1, 0), (40, 0), (200, 0)):
        await measure(clients, max_requests)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[2])) if sys.argv[1:2] == ["serve"] else main())
