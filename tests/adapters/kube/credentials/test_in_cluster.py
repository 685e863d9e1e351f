"""In a pod: the service account counts where there is no kubeconfig, and only there.

kubectl finds it at a fixed path, so here ours stands alone; the rig holds it against the real thing.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from podium.adapters.kube.api import Api, Wire
from podium.adapters.kube.kubeconfig import load
from podium.adapters.kube.kubeconfig_entries import Overrides
from podium.adapters.kube.surroundings import Surroundings
from podium.domain.errors import UsageError
from support.kubectl_oracle import PATH, Lab


@pytest.fixture
def pod(lab: Lab) -> Surroundings:
    """The surroundings of a pod of the lab's cluster."""
    lab.write("serviceaccount/token", "from-the-pod\n")
    lab.write("serviceaccount/ca.crt", lab.authority.pem)
    lab.write("serviceaccount/namespace", "shop")
    lab.environ |= {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(lab.server.port)}
    return Surroundings(lab.environ, service_account=lab.folder / "serviceaccount")


async def test_the_service_account_is_used(lab: Lab, pod: Surroundings) -> None:
    config = load(None, pod)
    assert config.select() == config.contexts() == config.select(["in-*"]) == ("in-cluster",)
    access = config.resolve("in-cluster")
    assert access.namespace == "shop"
    api = Api(access, user_agent="podium/test", wire=Wire(environ=lab.environ))
    assert (await api.get(PATH)).status == 200
    await api.close()
    assert lab.server.take()[0].all("authorization") == ["Bearer from-the-pod"]


async def test_its_token_is_read_again(lab: Lab, pod: Surroundings) -> None:
    clock = [0.0]
    credentials = load(None, replace(pod, now=lambda: clock[0])).resolve("in-cluster").credentials
    await credentials.current()
    lab.write("serviceaccount/token", "rotated")
    clock[0] = 61.0
    assert (await credentials.current()).headers[0][1].reveal() == "Bearer rotated"


def test_the_namespace_of_the_downward_api_wins(pod: Surroundings) -> None:
    config = load(None, replace(pod, environ={**pod.environ, "POD_NAMESPACE": "told"}))
    assert config.resolve("in-cluster").namespace == "told"
    assert config.resolve("in-cluster", Overrides(namespace="flag")).namespace == "flag"


def test_an_ipv6_address_is_bracketed(pod: Surroundings) -> None:
    config = load(None, replace(pod, environ={**pod.environ, "KUBERNETES_SERVICE_HOST": "fd00::1"}))
    assert config.resolve("in-cluster").server.startswith("https://[fd00::1]:")


def test_flags_act_as_somebody_else(pod: Surroundings) -> None:
    access = load(None, pod).resolve("in-cluster", Overrides(as_user="carol", as_groups=("g",)))
    assert access.impersonate == (("Impersonate-User", "carol"), ("Impersonate-Group", "g"))


def test_a_kubeconfig_wins(lab: Lab, pod: Surroundings) -> None:
    lab.kubeconfig({"token": "t"})
    assert load(None, replace(pod, environ=lab.environ)).contexts() == ("here",)


@pytest.mark.parametrize("missing", ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "token"])
def test_without_all_of_it_there_is_none(lab: Lab, pod: Surroundings, missing: str) -> None:
    (Path(pod.service_account) / missing).unlink(missing_ok=True)
    environ = {name: value for name, value in pod.environ.items() if name != missing}
    with pytest.raises(UsageError, match="no kubeconfig"):
        load(None, replace(pod, environ=environ)).select()
