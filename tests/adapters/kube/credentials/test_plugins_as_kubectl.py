"""Credential plugins: how they are run, what they are told and what is believed equals kubectl."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from podium.adapters.kube.api import Api, Wire
from podium.adapters.kube.kubeconfig import load
from podium.domain.errors import ClusterError
from support.authorities import Pair
from support.kubectl_oracle import PATH, Lab, b64
from support.recording_server import UNAUTHORIZED, Answer, Request

GROUP = "client.authentication.k8s.io"
SCRIPT = """#!/bin/sh
printf '%s\\n' "$KUBERNETES_EXEC_INFO" >> "$SPOKEN"
printf '%s|%s\\n' "$*" "$EXTRA" >> "$SPOKEN.args"
echo "look here" >&2
cat "$ANSWER"
"""


class Plugin:
    """A plugin that records what it is told and prints what the test wants."""

    def __init__(self, lab: Lab, version: str = "v1") -> None:
        self.version = f"{GROUP}/{version}"
        self.lab = lab
        self.spoken = lab.folder / "spoken"
        self.script = lab.write("bin/plugin", SCRIPT)
        self.script.chmod(0o755)
        self.says({"token": "from-plugin"})

    def says(self, status: object, **changes: object) -> None:
        """Set what it prints."""
        answer = {"kind": "ExecCredential", "apiVersion": self.version, "status": status, **changes}
        self.lab.write("answer", json.dumps(answer))

    def stanza(self, **fields: object) -> dict[str, object]:
        """Return its exec stanza."""
        env = {"SPOKEN": str(self.spoken), "ANSWER": str(self.lab.folder / "answer"), "EXTRA": "e x"}
        return {
            "command": "bin/plugin",
            "apiVersion": self.version,
            "interactiveMode": "Never",
            "args": ["--first", "two words"],
            "env": [{"name": name, "value": value} for name, value in env.items()],
            **fields,
        }

    def told(self) -> list[Mapping[str, object]]:
        """Return what it was told, run by run, and forget it."""
        if not self.spoken.exists():
            return []
        runs = [json.loads(line) for line in self.spoken.read_text().split("\n") if line]
        self.spoken.unlink()
        return runs


@pytest.fixture
def plugin(lab: Lab) -> Plugin:
    return Plugin(lab)


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_a_token(lab: Lab, version: str) -> None:
    plugin = Plugin(lab, version)
    lab.kubeconfig({"exec": plugin.stanza()})
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert ours.all("authorization") == ["Bearer from-plugin"]
    told = plugin.told()
    assert told[0] == told[1]
    assert told[0] == {"kind": "ExecCredential", "apiVersion": plugin.version, "spec": {"interactive": False}}
    arguments = Path(f"{plugin.spoken}.args").read_text().splitlines()
    assert arguments == ["--first two words|e x"] * 2


async def test_a_client_certificate(lab: Lab, plugin: Plugin, client_pair: Pair) -> None:
    plugin.says({"clientCertificateData": client_pair.certificate.decode(), "clientKeyData": client_pair.key.decode()})
    lab.kubeconfig({"exec": plugin.stanza()})
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert (ours.client, ours.all("authorization")) == ("alice", [])


async def test_a_client_certificate_and_a_token(lab: Lab, plugin: Plugin, client_pair: Pair) -> None:
    plugin.says(
        {
            "token": "and",
            "clientCertificateData": client_pair.certificate.decode(),
            "clientKeyData": client_pair.key.decode(),
        }
    )
    lab.kubeconfig({"exec": plugin.stanza()})
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert (ours.client, ours.all("authorization")) == ("alice", ["Bearer and"])


async def test_it_is_told_of_the_cluster(lab: Lab, plugin: Plugin) -> None:
    config = {"audience": "a", "nested": {"n": 7, "f": 1.5, "yes": True, "none": None, "list": [1, "1"]}}
    cluster = lab.cluster(
        tls_server_name="other.test",
        disable_compression=True,
        extensions=[{"name": "x", "extension": 1}, {"name": f"{GROUP}/exec", "extension": config}],
    )
    lab.kubeconfig({"exec": plugin.stanza(provideClusterInfo=True)}, cluster)
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    told = plugin.told()
    assert told[0] == told[1]
    assert told[0]["spec"]["cluster"]["config"] == config  # type: ignore[index]


async def test_it_is_told_of_a_cluster_with_a_file_and_no_config(lab: Lab, plugin: Plugin) -> None:
    lab.write("ca.crt", lab.authority.pem)
    cluster = lab.cluster(
        server=f"{lab.server.url}/prefix/", certificate_authority="ca.crt", certificate_authority_data=None
    )
    lab.kubeconfig({"exec": plugin.stanza(provideClusterInfo=True)}, cluster)
    await lab.both()
    told = plugin.told()
    assert told[0] == told[1]


async def test_it_is_told_of_a_proxy_and_of_skipped_verification(lab: Lab, plugin: Plugin) -> None:
    cluster = lab.cluster(
        proxy_url="socks5://u:p@127.0.0.1:1", insecure_skip_tls_verify=True, certificate_authority_data=None
    )
    lab.kubeconfig({"exec": plugin.stanza(provideClusterInfo=True)}, cluster)
    await lab.kubectl()
    theirs = plugin.told()[0]
    with pytest.raises(ClusterError):
        await lab.ours()
    assert plugin.told() == [theirs]


@pytest.mark.parametrize("given", [{"token": "t"}, {"username": "u", "password": "p"}])
async def test_it_is_not_run_where_a_token_or_password_is_given(
    lab: Lab, plugin: Plugin, given: dict[str, object]
) -> None:
    lab.kubeconfig({"exec": plugin.stanza(), **given})
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert plugin.told() == []


async def test_it_is_not_run_where_a_certificate_is_given(lab: Lab, plugin: Plugin, client_pair: Pair) -> None:
    given = {"client-certificate-data": b64(client_pair.certificate), "client-key-data": b64(client_pair.key)}
    lab.kubeconfig({"exec": plugin.stanza(), **given})
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert plugin.told() == []


async def test_a_bare_name_is_looked_up_in_path(lab: Lab, plugin: Plugin) -> None:
    lab.environ["PATH"] = f"{plugin.script.parent}:{os.environ['PATH']}"
    lab.kubeconfig({"exec": plugin.stanza(command="plugin")})
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert len(plugin.told()) == 2


async def test_a_bare_name_is_not_taken_from_the_working_directory(
    lab: Lab, plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(plugin.script.parent)
    lab.environ["PATH"] = f".:{os.environ['PATH']}"
    lab.kubeconfig({"exec": plugin.stanza(command="plugin")})
    assert (await lab.kubectl()).status != 0
    with pytest.raises(ClusterError, match="put it in PATH"):
        await lab.ours()
    assert plugin.told() == []


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (None, {}),
        ({}, {}),
        ({"clientCertificateData": "x"}, {}),
        ({"token": "t"}, {"apiVersion": f"{GROUP}/v1beta1"}),
        ({"token": "t"}, {"kind": "Secret"}),
        ({"token": 7}, {}),
        ({"token": "t", "expirationTimestamp": "soon"}, {}),
        ({"clientCertificateData": "x", "clientKeyData": "y"}, {}),
    ],
)
async def test_what_kubectl_does_not_believe_we_do_not(
    lab: Lab, plugin: Plugin, status: object, changes: dict[str, object]
) -> None:
    plugin.says(status, **changes)
    lab.kubeconfig({"exec": plugin.stanza()})
    assert (await lab.kubectl()).status != 0
    with pytest.raises(ClusterError, match="plugin") as refused:
        await lab.ours()
    assert lab.server.take() == []
    assert "\n" not in str(refused.value)


async def test_a_certificate_without_its_key_is_not_believed(lab: Lab, plugin: Plugin, client_pair: Pair) -> None:
    plugin.says({"clientCertificateData": client_pair.certificate.decode()})
    lab.kubeconfig({"exec": plugin.stanza()})
    assert (await lab.kubectl()).status != 0
    with pytest.raises(ClusterError, match="only one of certificate and key"):
        await lab.ours()


@pytest.mark.parametrize("script", ["#!/bin/sh\nexit 3\n", "#!/bin/sh\necho no\n", "#!/bin/sh\nkill -9 $$\n"])
async def test_one_that_fails(lab: Lab, plugin: Plugin, script: str) -> None:
    plugin.script.write_text(script)
    lab.kubeconfig({"exec": plugin.stanza()})
    assert (await lab.kubectl()).status != 0
    with pytest.raises(ClusterError, match=r'exec plugin "plugin" of user "u" failed'):
        await lab.ours()
    assert lab.server.take() == []


@pytest.mark.parametrize("command", ["absent-plugin", "bin/absent"])
async def test_one_that_is_not_installed_is_one_line_with_its_hint(lab: Lab, plugin: Plugin, command: str) -> None:
    lab.kubeconfig({"exec": plugin.stanza(command=command, installHint="Get it:\n\n  brew \x1b[31minstall it")})
    ran = await lab.kubectl()
    assert ran.status != 0
    # kubectl keeps the hint for itself where the command is a path.
    assert ("brew" in ran.stderr) == ("/" not in command)
    with pytest.raises(ClusterError) as refused:
        await lab.ours()
    assert str(refused.value).endswith('of user "u" is not installed: Get it: brew U+001B[31minstall it')


async def test_its_stderr_is_shown(lab: Lab, plugin: Plugin, tmp_path: Path) -> None:
    lab.kubeconfig({"exec": plugin.stanza()})
    assert "look here" in (await lab.kubectl()).stderr
    shown = tmp_path / "stderr"
    with shown.open("wb") as file:
        config = load(None, replace(lab.surroundings(), stderr=file.fileno()))
        await config.resolve("here").credentials.current()
    assert shown.read_text() == "look here\n"


@pytest.mark.parametrize("mode", ["Never", "IfAvailable", "Always"])
async def test_interactive_mode_without_a_terminal(lab: Lab, plugin: Plugin, mode: str) -> None:
    lab.kubeconfig({"exec": plugin.stanza(interactiveMode=mode)})
    ran = await lab.kubectl()
    theirs = plugin.told()
    assert (ran.status == 0) == (mode != "Always")
    if mode == "Always":
        with pytest.raises(ClusterError, match="not a terminal"):
            await lab.ours()
    else:
        await lab.ours()
    assert plugin.told() == theirs


@pytest.mark.parametrize("mode", ["Never", "IfAvailable", "Always"])
async def test_interactive_mode_on_a_terminal(lab: Lab, plugin: Plugin, mode: str) -> None:
    lab.kubeconfig({"exec": plugin.stanza(interactiveMode=mode)})
    ours_end, their_end = os.openpty()
    try:
        assert (await lab.kubectl(stdin=their_end)).status == 0
    finally:
        os.close(ours_end)
        os.close(their_end)
    theirs = plugin.told()
    config = load(None, replace(lab.surroundings(), terminal=True))
    await config.resolve("here").credentials.current()
    assert plugin.told() == theirs


ASKING = """
import asyncio, os, sys
from podium.adapters.kube.kubeconfig import load
from podium.adapters.kube.surroundings import Surroundings

config = load(sys.argv[1], Surroundings(dict(os.environ), terminal=sys.argv[2] == "terminal"))
print(asyncio.run(config.resolve("here").credentials.current()).headers[0][1].reveal())
"""


@pytest.mark.parametrize(("stdin", "token"), [("terminal", "typed"), ("none", "")])
async def test_one_that_asks_reads_our_stdin_only_where_it_is_a_terminal(
    lab: Lab, plugin: Plugin, stdin: str, token: str
) -> None:
    answer = f'{{"kind":"ExecCredential","apiVersion":"{plugin.version}","status":{{"token":"got-%s"}}}}'
    plugin.script.write_text(f"#!/bin/sh\nread -r line\nprintf '{answer}' \"$line\"\n")
    path = lab.kubeconfig({"exec": plugin.stanza(interactiveMode="IfAvailable")})
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        ASKING,
        str(path),
        stdin,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate(b"typed\n")
    assert printed.decode() == f"Bearer got-{token}\n"


async def test_one_that_must_ask_while_stdin_is_ours_is_refused(lab: Lab, plugin: Plugin) -> None:
    lab.kubeconfig({"exec": plugin.stanza(interactiveMode="Always")})
    config = load(None, replace(lab.surroundings(), terminal=True, stdin_taken="-i reads it"))
    with pytest.raises(ClusterError, match="-i reads it"):
        await config.resolve("here").credentials.current()


async def test_it_runs_again_when_its_credential_expired(lab: Lab, plugin: Plugin) -> None:
    ends = datetime.now(UTC) + timedelta(hours=1)
    plugin.says({"token": "first", "expirationTimestamp": ends.strftime("%Y-%m-%dT%H:%M:%SZ")})
    lab.kubeconfig({"exec": plugin.stanza()})
    now = datetime.now(UTC).timestamp()
    clock = [now]
    config = load(None, replace(lab.surroundings(), now=lambda: clock[0]))
    credentials = config.resolve("here").credentials
    first = await credentials.current()
    clock[0] = now + 3590
    assert await credentials.current() is first
    plugin.says({"token": "second"})
    clock[0] = now + 3601
    second = await credentials.current()
    assert second.headers[0][1].reveal() == "Bearer second"
    assert second.generation > first.generation
    assert len(plugin.told()) == 2


async def test_a_401_runs_it_again_and_asks_once_more(lab: Lab, plugin: Plugin) -> None:
    lab.kubeconfig({"exec": plugin.stanza()})

    def answer(request: Request) -> Answer:
        if request.all("authorization") == ["Bearer renewed"]:
            return Answer()
        plugin.says({"token": "renewed"})
        return Answer(401, UNAUTHORIZED)

    lab.server.answer = answer
    assert (await lab.ours()).status == 200
    assert [request.all("authorization") for request in lab.server.take()] == [
        ["Bearer from-plugin"],
        ["Bearer renewed"],
    ]
    assert len(plugin.told()) == 2
    # kubectl runs its plugin again too, but leaves the asking to its user.
    plugin.says({"token": "from-plugin"})
    assert (await lab.kubectl()).status != 0
    assert len(plugin.told()) == 2


async def test_a_401_that_lasts_ends_after_one_more_run_whatever_the_number_of_requests(
    lab: Lab, plugin: Plugin
) -> None:
    lab.kubeconfig({"exec": plugin.stanza()})
    lab.server.answer = lambda _: Answer(401, UNAUTHORIZED)
    config = load(None, lab.surroundings())
    api = Api(config.resolve("here"), user_agent="podium/test", wire=Wire(environ=lab.environ))
    answers = await asyncio.gather(*(api.get(PATH) for _ in range(12)))
    answers.append(await api.get(PATH))
    await api.close()
    assert {answer.status for answer in answers} == {401}
    assert len(plugin.told()) == 2


async def test_many_at_once_and_many_contexts_of_one_user_run_it_once(lab: Lab, plugin: Plugin) -> None:
    path = lab.kubeconfig({"exec": plugin.stanza()})
    config = json.loads(path.read_text())
    config["contexts"].append({"name": "there", "context": {"cluster": "c", "user": "u", "namespace": "n"}})
    path.write_text(json.dumps(config))
    loaded = load(None, lab.surroundings())
    accesses = [loaded.resolve(name) for name in loaded.select(["*"])]
    found = await asyncio.gather(*(access.credentials.current() for access in accesses for _ in range(10)))
    assert len({id(credential) for credential in found}) == 1
    assert len(plugin.told()) == 1


async def test_one_that_fails_is_not_run_by_everybody_who_waits(lab: Lab, plugin: Plugin) -> None:
    plugin.says({})
    lab.kubeconfig({"exec": plugin.stanza()})
    credentials = load(None, lab.surroundings()).resolve("here").credentials
    found = await asyncio.gather(*(credentials.current() for _ in range(10)), return_exceptions=True)
    with pytest.raises(ClusterError):
        await credentials.current()
    assert all(isinstance(error, ClusterError) for error in found)
    assert len(plugin.told()) == 1


async def test_who_gives_up_waiting_leaves_the_run_to_the_others(lab: Lab, plugin: Plugin) -> None:
    lab.kubeconfig({"exec": plugin.stanza()})
    credentials = load(None, lab.surroundings()).resolve("here").credentials
    first = asyncio.create_task(credentials.current())
    second = asyncio.create_task(credentials.current())
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).headers[0][1].reveal() == "Bearer from-plugin"
    assert len(plugin.told()) == 1


async def test_cancelling_ends_the_plugin(lab: Lab, plugin: Plugin) -> None:
    pid = lab.folder / "pid"
    plugin.script.write_text(f"#!/bin/sh\necho $$ > {pid}.new && mv {pid}.new {pid}\nexec sleep 60\n")
    lab.kubeconfig({"exec": plugin.stanza()})
    access = load(None, lab.surroundings()).resolve("here")
    source = access.credentials._source  # type: ignore[attr-defined]
    task = asyncio.create_task(source.fetch(refused=False))
    async with asyncio.timeout(10):
        while not pid.exists():
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
