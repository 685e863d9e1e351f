"""Size: a thousand pods stand at once, ten thousand stay small, a thousand execs give a thousand answers."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from podium.sandbox import Settings, serve
from sandbox.clients import Client, context

TEN_THOUSAND = """
import asyncio, ssl
from podium.sandbox import Settings, serve
async def main():
    async with serve(Settings(pods=10_000, node_count=100)) as sandbox:
        tls = ssl.create_default_context(cadata=sandbox.ca_pem)
        reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.port, ssl=tls)
        writer.write(b"GET /api/v1/pods HTTP/1.1\\r\\nAuthorization: Bearer " + sandbox.admin_token.encode()
                     + b"\\r\\nConnection: close\\r\\n\\r\\n")
        size = 0
        while part := await reader.read(1 << 16):
            size += len(part)
        writer.close()
        assert size > 20_000_000, size
        assert sandbox.api.exec.containers.made == {}
        # not ru_maxrss: a child's begins with the size of whoever forked it
        print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
asyncio.run(main())
"""


@pytest.mark.timeout(300)
async def test_a_thousand_execs_have_a_thousand_right_answers() -> None:
    async with serve(Settings(pods=1000, node_count=20, seed=1)) as sandbox:
        client = Client(sandbox, tls=context(sandbox))
        few, pods = asyncio.Semaphore(32), sandbox.pods

        async def is_right(at: int) -> bool:
            pod = pods[at]
            async with few:
                ended = await client.exec(pod, ["hostname"], patience=200)
            return ended.stdout == pod.name.encode() + b"\n" and ended.exit_code == 0

        assert all(await asyncio.gather(*(is_right(at) for at in range(1000))))


@pytest.mark.timeout(300)
def test_ten_thousand_pods_stay_under_300_mb() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TEN_THOUSAND], capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 300 * 1024
