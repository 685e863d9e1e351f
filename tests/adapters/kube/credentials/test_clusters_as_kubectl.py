"""Where we connect, by which name and trusting whom, equals kubectl: CA, server name, prefix, flags over the file."""

from __future__ import annotations

import pytest

from podium.adapters.kube.kubeconfig_entries import Overrides
from podium.adapters.kube.wire_errors import ConnectFailedError
from podium.domain.errors import PodiumError, UsageError
from support.authorities import Authority
from support.kubectl_oracle import PATH, Lab

USER = {"token": "t"}


async def test_tls_server_name_is_sent_and_verified(lab: Lab) -> None:
    lab.kubeconfig(USER, lab.cluster(tls_server_name="other.test"))
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert ours.server_name == "other.test"


async def test_a_wrong_tls_server_name_fails(lab: Lab) -> None:
    lab.kubeconfig(USER, lab.cluster(tls_server_name="absent.test"))
    assert (await lab.kubectl()).status != 0
    with pytest.raises(ConnectFailedError, match=r"tls-server-name"):
        await lab.ours()
    assert lab.server.take() == []


async def test_a_ca_file_beside_the_kubeconfig(lab: Lab) -> None:
    lab.write("pki/ca.crt", lab.authority.pem)
    lab.kubeconfig(USER, lab.cluster(certificate_authority="pki/ca.crt", certificate_authority_data=None))
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity


async def test_another_authority_is_not_trusted(lab: Lab) -> None:
    import base64

    other = base64.b64encode(Authority("other").pem).decode()
    lab.kubeconfig(USER, lab.cluster(certificate_authority_data=other))
    assert (await lab.kubectl()).status != 0
    with pytest.raises(ConnectFailedError, match="certificate-authority"):
        await lab.ours()
    assert lab.server.take() == []


async def test_verification_skipped(lab: Lab) -> None:
    lab.kubeconfig(USER, lab.cluster(insecure_skip_tls_verify=True, certificate_authority_data=None))
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity


async def test_the_flag_to_skip_verification_drops_the_authority(lab: Lab) -> None:
    lab.kubeconfig(USER, lab.cluster(tls_server_name="absent.test"))
    theirs, ours = await lab.both("--insecure-skip-tls-verify", overrides=Overrides(insecure_skip_tls_verify=True))
    assert ours.identity == theirs.identity


async def test_the_flag_for_an_authority_replaces_skipping(lab: Lab) -> None:
    path = str(lab.write("ca.crt", lab.authority.pem))
    lab.kubeconfig(USER, lab.cluster(insecure_skip_tls_verify=True, certificate_authority_data=None))
    theirs, ours = await lab.both(f"--certificate-authority={path}", overrides=Overrides(certificate_authority=path))
    assert ours.identity == theirs.identity


async def test_a_server_by_flag_clears_the_server_name_of_the_file(lab: Lab) -> None:
    lab.kubeconfig(USER, lab.cluster(server="https://127.0.0.1:1", tls_server_name="absent.test"))
    theirs, ours = await lab.both(f"--server={lab.server.url}", overrides=Overrides(server=lab.server.url))
    assert ours.identity == theirs.identity


async def test_a_prefix_in_the_servers_path(lab: Lab) -> None:
    lab.kubeconfig(USER, lab.cluster(server=f"{lab.server.url}/k8s/clusters/c-1/?x=1"))
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert ours.path == f"/k8s/clusters/c-1{PATH}"


@pytest.mark.parametrize(
    "fields",
    [
        {"insecure_skip_tls_verify": True},
        {"certificate_authority": "absent.crt", "certificate_authority_data": None},
        {"certificate_authority": "kubeconfig"},
        {"certificate_authority_data": "Tk9QRQ=="},
        {"certificate_authority_data": "not base64"},
        {"proxy_url": "ftp://proxy.test"},
        {"server": None},
        {"insecure_skip_tls_verify": "perhaps"},
    ],
    ids=lambda fields: "+".join(f"{key}={value}" for key, value in fields.items()),
)
async def test_what_kubectl_refuses_we_refuse_in_one_line(lab: Lab, fields: dict[str, object]) -> None:
    lab.kubeconfig(USER, lab.cluster(**fields))
    assert (await lab.kubectl()).status != 0
    with pytest.raises(PodiumError) as refused:
        await lab.ours()
    assert lab.server.take() == []
    assert "\n" not in str(refused.value)


async def test_an_error_for_a_proxy_does_not_repeat_its_password(lab: Lab) -> None:
    lab.kubeconfig(USER, lab.cluster(proxy_url="ftp://user:hunter2@proxy.test"))
    with pytest.raises(UsageError) as refused:
        await lab.ours()
    assert "hunter2" not in str(refused.value)
