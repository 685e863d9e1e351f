"""The upgrade of an exec is asked as the same user, by the same name and through the same proxy as kubectl asks it.

Other clients send their execs past the proxy, or without who they act as.
"""

from __future__ import annotations

import json

import pytest

from podium.adapters.kube.session import End
from podium.adapters.kube.wire_errors import UpgradeRefusedError
from support.authorities import Pair
from support.kubectl_oracle import Lab, b64
from support.recording_proxy import Tunnel, connect_proxy, socks_proxy
from support.recording_server import Answer, Request

EXEC = "/api/v1/namespaces/x/pods/p/exec"
REFUSAL = {
    "kind": "Status",
    "apiVersion": "v1",
    "status": "Failure",
    "message": "not you",
    "reason": "Forbidden",
    "code": 403,
}
POD = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {"name": "p", "namespace": "x", "uid": "1"},
    "spec": {"containers": [{"name": "c"}]},
    "status": {"phase": "Running"},
}
PODS = {
    "name": "pods",
    "singularName": "pod",
    "namespaced": True,
    "kind": "Pod",
    "verbs": ["get"],
    "shortNames": ["po"],
}
KNOWN = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": [PODS]},
    "/api/v1/namespaces/x/pods/p": POD,
}
ACTING = {"as": "carol", "as-groups": ["a", "b"], "as-user-extra": {"Acme.com/X": ["1"]}}


class Nobody:
    """A receiver that must not be called."""

    def received(self, channel: int, data: memoryview) -> None:
        pytest.fail("bytes came")

    def ended(self, end: End) -> None:
        pytest.fail("it ended")


def refuse_exec(request: Request) -> Answer:
    if request.path.startswith(EXEC):
        return Answer(403, json.dumps(REFUSAL).encode())
    known = KNOWN.get(request.path.partition("?")[0])
    return Answer(404, b"{}") if known is None else Answer(200, json.dumps(known).encode())


async def upgrades(lab: Lab) -> tuple[Request, Request]:
    """Return the upgrade that each client asked for: kubectl's, ours."""
    lab.server.answer = refuse_exec
    lab.server.take()
    ran = await lab.run("exec", "-n", "x", "p", "-c", "c", "--", "true")
    asked = [request for request in lab.server.take() if request.all("upgrade")]
    theirs = [request for request in asked if request.all("upgrade") == ["websocket"]]
    assert len(theirs) == 1, ran.stderr
    async with lab.api() as api:
        query = [("command", "true"), ("container", "c"), ("stderr", "true"), ("stdout", "true")]
        with pytest.raises(UpgradeRefusedError) as refused:
            await api.upgrade(EXEC, query, ["v5.channel.k8s.io"], Nobody())
    assert json.loads(refused.value.body) == REFUSAL
    ours = lab.server.take()
    assert len(ours) == 1
    return theirs[0], ours[0]


async def test_through_a_proxy_by_another_name_acting_as_somebody_else(lab: Lab) -> None:
    async with connect_proxy(lab.server.port) as proxy:
        cluster = lab.cluster(
            server="https://kube.test:6443",
            tls_server_name="other.test",
            proxy_url=f"http://127.0.0.1:{proxy.port}",
        )
        lab.kubeconfig({"token": "t", **ACTING}, cluster)
        theirs, ours = await upgrades(lab)
        assert set(proxy.take()) == {Tunnel("kube.test:6443")}
    assert ours.identity == theirs.identity
    assert (ours.server_name, ours.all("impersonate-group")) == ("other.test", ["a", "b"])


async def test_through_socks5_with_a_certificate(lab: Lab, client_pair: Pair) -> None:
    async with socks_proxy(lab.server.port) as proxy:
        lab.environ["HTTPS_PROXY"] = f"socks5://127.0.0.1:{proxy.port}"
        user = {"client-certificate-data": b64(client_pair.certificate), "client-key-data": b64(client_pair.key)}
        lab.kubeconfig({**user, **ACTING}, lab.cluster(server="https://kube.test:6443"))
        theirs, ours = await upgrades(lab)
        assert set(proxy.take()) == {Tunnel("kube.test:6443")}
    assert ours.identity == theirs.identity
    assert ours.client == "alice"


async def test_straight_with_a_token_file(lab: Lab) -> None:
    lab.write("token", "from-file")
    lab.kubeconfig({"tokenFile": "token", "as": "carol"})
    theirs, ours = await upgrades(lab)
    assert ours.identity == theirs.identity
    assert ours.all("authorization") == ["Bearer from-file"]
