"""Who a real API server takes us for equals who it takes kubectl for: impersonation, and a pod's service account."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from podium.adapters.kube.access import Access
from podium.adapters.kube.api import Api, Wire
from podium.adapters.kube.kubeconfig import load
from podium.adapters.kube.surroundings import Surroundings

pytestmark = pytest.mark.cluster

HOME = Path(os.environ.get("PODIUM_RIG_HOME", "/var/tmp/podium-rig"))
RIG = HOME / "kubeconfig"
KUBECTL = str(HOME / "bin" / "kubectl")
REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
# A pod's view of the service account, for one program: /var/run is hidden in a mount namespace of its own.
AS_IN_A_POD = (
    "mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io && cp -r {0} /run/secrets/kubernetes.io/ "
    "&& exec {1} auth whoami -o json"
)


async def run(*words: str, env: Mapping[str, str]) -> str:
    """Run a program to its good end."""
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **env},
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def who(access: Access) -> object:
    """Ask the API server who we are."""
    api = Api(access, user_agent="podium/test", wire=Wire(environ={}))
    try:
        body = json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).encode()
        response = await api.post(REVIEW, body)
    finally:
        await api.close()
    assert response.status == 201, response.body
    return json.loads(response.body)["status"]["userInfo"]


@pytest.fixture
async def namespace() -> AsyncIterator[str]:
    """A namespace of this test's own."""
    assert RIG.is_file(), "the rig is not up: ./scripts/cluster up"
    name = f"credentials-{secrets.token_hex(4)}"
    rig = (KUBECTL, "--kubeconfig", str(RIG), "--context", "rig-a")
    await run(*rig, "create", "namespace", name, env={})
    yield name
    await run(*rig, "delete", "namespace", name, "--wait=false", env={})


async def test_impersonation_in_full(tmp_path: Path) -> None:
    config = yaml.safe_load(RIG.read_text())
    for user in config["users"]:
        user["user"] |= {
            "as": "carol",
            "as-uid": "42",
            "as-groups": ["ops", "system:authenticated"],
            "as-user-extra": {"acme.com/Project X%": ["b", "a"], "plain": ["ü"]},
        }
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config))
    words = (KUBECTL, "--kubeconfig", str(path), "--context", "rig-a", "auth", "whoami", "-o", "json")
    theirs = json.loads(await run(*words, env={}))["status"]["userInfo"]
    ours = await who(load(str(path), Surroundings({})).resolve("rig-a"))
    assert ours == theirs
    assert theirs["username"] == "carol"
    assert theirs["extra"]["acme.com/project x%"] == ["b", "a"]


async def test_the_service_account_of_a_pod(namespace: str, tmp_path: Path) -> None:
    rig = (KUBECTL, "--kubeconfig", str(RIG), "--context", "rig-a", "-n", namespace)
    await run(*rig, "create", "serviceaccount", "runner", env={})
    account = tmp_path / "serviceaccount"
    account.mkdir()
    (account / "token").write_text(await run(*rig, "create", "token", "runner", env={}))
    (account / "namespace").write_text(namespace)
    admin = load(str(RIG), Surroundings({})).resolve("rig-a")
    (account / "ca.crt").write_bytes(admin.tls.ca_pem or b"")
    server = urlsplit(admin.server)
    pod = {"KUBERNETES_SERVICE_HOST": str(server.hostname), "KUBERNETES_SERVICE_PORT": str(server.port)}

    script = AS_IN_A_POD.format(account, KUBECTL)
    theirs = json.loads(await run("unshare", "-m", "sh", "-c", script, env=pod))["status"]["userInfo"]
    access = load(None, Surroundings(pod, service_account=account)).resolve("in-cluster")
    assert await who(access) == theirs
    assert theirs["username"] == f"system:serviceaccount:{namespace}:runner"
    assert access.namespace == namespace
