"""Proxies between us and a cluster: tunnels, idle cuts, upgrades refused or dropped, a cluster away behind one."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from podium.adapters.kube.api import Api, Wire
from podium.adapters.kube.kubeconfig import load
from podium.adapters.kube.session import Broken, End, Timing
from podium.adapters.kube.surroundings import Surroundings
from podium.sandbox import Settings
from support.haproxy import HAPROXY, passing, reading
from support.places import Place
from support.realms import LISTS, Grant, RealRealm, SandboxRealm, manifest, real_realm, sandbox_realm, sleeping
from support.recording_proxy import connect_proxy

pytestmark = pytest.mark.on("sandbox", "real")
Master = RealRealm | SandboxRealm
REAL_A = pytest.param("real-a", marks=pytest.mark.cluster)
ON_SANDBOX = pytest.mark.parametrize("realm", ["sandbox"], indirect=True, scope="module")
ON_REAL = pytest.mark.parametrize("realm", [REAL_A], indirect=True, scope="module")


@pytest.fixture(
    scope="module",
    params=["sandbox", REAL_A, pytest.param("real-b", marks=pytest.mark.cluster)],
)
def realm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Master]:
    """A cluster of which we are master, with one pod in a namespace of our own."""
    home = tmp_path_factory.mktemp("home")
    if request.param == "sandbox":
        with sandbox_realm(home, Settings(pods=0), "own") as made:
            made.call(lambda: made.sandbox.world.add_pod("own", "p0", containers=("main",)))
            yield made
        return
    assert Path(HAPROXY).exists(), "haproxy is missing: apt-get install haproxy"
    with real_realm(request.param, home, manifest(sleeping("p0", "p"))) as real:
        yield real


@pytest.fixture(scope="module")
def user(realm: Master) -> Place:
    """A service account that may exec: its token passes proxies that end TLS."""
    own = realm.place.namespace
    return realm.account("through", Grant("pods", LISTS, own), Grant("pods/exec", ("get", "create"), own))


def port_of(place: Place) -> int:
    """The API server's port."""
    port = urlsplit(yaml.safe_load(place.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]).port
    assert isinstance(port, int)
    return port


def through(place: Place, folder: Path, *, server: str = "", ca: Path | None = None, proxy: str = "") -> Place:
    """The same place with another way to its cluster."""
    config = yaml.safe_load(place.kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    cluster.update({key: value for key, value in (("server", server), ("proxy-url", proxy)) if value})
    if ca is not None:
        cluster["certificate-authority-data"] = base64.b64encode(ca.read_bytes()).decode()
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    return replace(place, kubeconfig=path)


def only(result: dict[str, Any]) -> dict[str, Any]:
    (target,) = result["targets"]
    assert isinstance(target, dict)
    return target


async def test_all_of_a_run_goes_through_a_connect_proxy(user: Place, tmp_path: Path) -> None:
    async with connect_proxy(port_of(user)) as proxy:
        place = through(user, tmp_path, proxy=f"http://podium:secret@127.0.0.1:{proxy.port}")
        result = await asyncio.to_thread(place.exec, "p0", "--", "echo", "hello")
        assert only(result)["stdout"] == "hello\n"
        tunnels = proxy.take()
        theirs = await asyncio.to_thread(place.kubectl, "exec", "p0", "--", "echo", "hello")
        assert theirs.out == "hello\n"
        assert {one.target for one in tunnels} == {one.target for one in proxy.take()}
    assert len(tunnels) >= 2, "the list and the exec"
    away = await asyncio.to_thread(place.podium, "exec", "p0", "--", "echo", "hello")
    assert away.code == 4
    assert "secret" not in away.err


@ON_SANDBOX
@pytest.mark.parametrize(
    ("fault", "outcome", "reason"),
    [
        ("refuse-upgrade=400", "rejected", "refused by the API server"),
        ("refuse-upgrade=403", "rejected", "forbidden"),
        ("refuse-upgrade=426", "rejected", "refused by the API server"),
        ("refuse-upgrade=502", "lost", "no answer to the upgrade request"),
        ("accept-and-drop", "lost", "connection broken"),
        ("hang-up on=exec", "lost", "no answer to the upgrade request"),
    ],
)
def test_pitfall_29_an_upgrade_refused_or_dropped_on_the_sandbox(
    realm: Master, user: Place, fault: str, outcome: str, reason: str
) -> None:
    assert isinstance(realm, SandboxRealm)
    planted = realm.call(lambda: realm.sandbox.faults.plant(fault))
    try:
        target = only(user.exec("p0", "--", "echo", "hello"))
    finally:
        realm.call(lambda: realm.sandbox.faults.clear(planted))
    assert (target["outcome"], target["reason"]) == (outcome, reason), target


REFUSALS = (
    ("http-request return status 400 content-type text/plain string bad-gate if is_upgrade", "rejected", "bad-gate"),
    ("http-request return status 403 content-type text/plain string no-gate if is_upgrade", "rejected", "no-gate"),
    ("http-request return status 426 content-type text/plain string up-gate if is_upgrade", "rejected", "up-gate"),
    ("http-request set-header Upgrade other if is_upgrade", "rejected", ""),
    ("http-request reject if is_upgrade", "lost", ""),
    ("use_backend closes if is_upgrade", "lost", "502"),
    ("use_backend silent if is_upgrade", "lost", "504"),
    ("use_backend dead if is_upgrade", "lost", "503"),
)
CLOSING = """
backend closes
  mode http
  server closes 127.0.0.1:{closes}
backend silent
  mode http
  timeout server 1s
  server silent 127.0.0.1:{silent}
backend dead
  mode http
  server dead 127.0.0.1:9
listen closing
  mode tcp
  bind 127.0.0.1:{closes}
  tcp-request inspect-delay 2s
  tcp-request content reject if {{ req.len gt 0 }}
"""


@ON_REAL
@pytest.mark.parametrize(
    ("rule", "outcome", "words"), REFUSALS, ids=[rule.partition(" if")[0] for rule, _, _ in REFUSALS]
)
def test_pitfall_29_haproxy_refuses_or_drops_an_upgrade(
    user: Place, tmp_path: Path, rule: str, outcome: str, words: str
) -> None:
    """What answers before 500 is a rejection in its words; what breaks, and a proxy's 5xx, may have begun: lost."""
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.socket() as closes:
        closes.bind(("127.0.0.1", 0))
        free = closes.getsockname()[1]
        closes.close()
        more = CLOSING.format(closes=free, silent=silent.getsockname()[1])
        with reading(tmp_path, port_of(user), rule, more=more) as proxy:
            place = through(user, tmp_path, ca=proxy.ca, server=proxy.server)
            target = only(place.exec("p0", "--", "touch", "/tmp/ran"))
            if outcome == "rejected":
                # by SPDY, which no rule here stops: docs/reference/differs-from-kubectl.md
                assert place.kubectl("exec", "p0", "--", "echo", "hello").out == "hello\n"
    assert target["outcome"] == outcome, target
    assert words in (target["detail"] or "")
    assert user.kubectl("exec", "p0", "--", "ls", "/tmp").out == "", "it did not run behind our back"


@ON_REAL
def test_an_api_server_that_is_away_behind_haproxy_is_exit_4(user: Place, tmp_path: Path) -> None:
    with reading(tmp_path, 9, "") as proxy:
        place = through(user, tmp_path, ca=proxy.ca, server=proxy.server)
        done = place.podium("exec", "p0", "--", "echo", "hello")
    assert done.code == 4
    assert "503" in done.err


class Silence:
    """Waits for the end of a session."""

    def __init__(self) -> None:
        self.end: asyncio.Future[End] = asyncio.get_running_loop().create_future()

    def received(self, channel: int, data: memoryview) -> None:
        """Take bytes; there are none that matter."""

    def ended(self, end: End) -> None:
        self.end.set_result(end)


def without_pings(place: Place) -> End:
    """How the same silent exec ends where nobody pings."""

    async def main() -> End:
        access = load(str(place.kubeconfig), Surroundings({})).resolve(place.context)
        api = Api(access, user_agent="podium/test", wire=Wire(timing=Timing(ping_after=1000.0), environ={}))
        path = f"/api/v1/namespaces/{place.namespace}/pods/p0/exec"
        query = [("container", "main"), ("stdout", "true"), *(("command", word) for word in ("sleep", "25"))]
        silence = Silence()
        session = await api.upgrade(path, query, ("v4.channel.k8s.io",), silence)
        async with asyncio.timeout(60):
            end = await silence.end
        session.abort()
        await api.close()
        return end

    return asyncio.run(main())


@ON_REAL
def test_pitfall_33_a_silent_exec_outlives_a_proxys_idle_limit_of_15_s(user: Place, tmp_path: Path) -> None:
    """Bytes pass, TLS is not ended: HAProxy on layer 4, then on layer 7; kubectl beside us, and us without pings."""
    api = port_of(user)
    words = ("p0", "--", "sh", "-c", "sleep 25; echo done")
    with ExitStack() as stack:
        folders = [tmp_path / name for name in ("four", "seven")]
        for folder in folders:
            folder.mkdir()
        four = stack.enter_context(passing(folders[0], api, idle="15s"))
        seven = stack.enter_context(reading(folders[1], api, "", idle="15s"))
        places = [
            through(user, folders[0], server=four.server),
            through(user, folders[1], ca=seven.ca, server=seven.server),
        ]
        pool = stack.enter_context(ThreadPoolExecutor(8))
        ours = [pool.submit(place.exec, *words) for place in places]
        theirs = [pool.submit(place.kubectl, "exec", *words) for place in places]
        silent = [pool.submit(without_pings, place) for place in places]
        for future in ours:
            assert (only(future.result())["outcome"], only(future.result())["stdout"]) == ("succeeded", "done\n")
        for done in (future.result() for future in theirs):
            assert (done.code, done.out) == (0, "done\n"), done.err
        for end in (future.result() for future in silent):
            assert isinstance(end, Broken), "the limit holds: without pings the exec is cut"
