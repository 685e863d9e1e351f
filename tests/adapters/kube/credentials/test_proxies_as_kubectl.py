"""Through which proxy we go equals kubectl: proxy-url, the proxy variables, NO_PROXY, and what both tell the proxy."""

from __future__ import annotations

import pytest

from podium.adapters.kube.kubeconfig_entries import Overrides
from support.authorities import Pair
from support.kubectl_oracle import Lab
from support.recording_proxy import Tunnel, connect_proxy, socks_proxy

USER = {"token": "t"}


def named(lab: Lab, host: str = "kube.test", **fields: object) -> dict[str, object]:
    """A cluster at a name that only the proxy can reach."""
    return lab.cluster(server=f"https://{host}:6443", **fields)


@pytest.mark.parametrize("login", ["", "bob:p%40ss@"])
async def test_proxy_url_http(lab: Lab, login: str) -> None:
    async with connect_proxy(lab.server.port) as proxy:
        lab.kubeconfig(USER, named(lab, proxy_url=f"http://{login}127.0.0.1:{proxy.port}"))
        theirs, ours = await lab.both()
        tunnels = proxy.take()
    assert ours.identity == theirs.identity
    assert ours.server_name == "kube.test"
    assert tunnels[0] == tunnels[1] == Tunnel("kube.test:6443", "Basic Ym9iOnBAc3M=" if login else "")


async def test_proxy_url_https(lab: Lab, server_pair: Pair) -> None:
    # Go verifies such a proxy by the cluster's authority.
    async with connect_proxy(lab.server.port, server_pair) as proxy:
        lab.kubeconfig(USER, named(lab, proxy_url=f"https://127.0.0.1:{proxy.port}"))
        theirs, ours = await lab.both()
        assert proxy.take() == [Tunnel("kube.test:6443")] * 2
    assert ours.identity == theirs.identity


@pytest.mark.parametrize("login", ["", "bob:pass@"])
async def test_proxy_url_socks5(lab: Lab, login: str) -> None:
    async with socks_proxy(lab.server.port) as proxy:
        lab.kubeconfig(USER, named(lab, proxy_url=f"socks5://{login}127.0.0.1:{proxy.port}"))
        theirs, ours = await lab.both()
        tunnels = proxy.take()
    assert ours.identity == theirs.identity
    assert tunnels[0] == tunnels[1] == Tunnel("kube.test:6443", "bob:pass" if login else "")


async def test_proxy_url_keeps_tls_server_name(lab: Lab) -> None:
    async with connect_proxy(lab.server.port) as proxy:
        cluster = named(lab, tls_server_name="other.test", proxy_url=f"http://127.0.0.1:{proxy.port}")
        lab.kubeconfig(USER, cluster)
        theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert ours.server_name == "other.test"


async def test_proxy_url_by_flag(lab: Lab) -> None:
    async with connect_proxy(lab.server.port) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        lab.kubeconfig(USER, named(lab, proxy_url="http://127.0.0.1:1"))
        theirs, ours = await lab.both(f"--proxy-url={url}", overrides=Overrides(proxy_url=url))
        assert proxy.take() == [Tunnel("kube.test:6443")] * 2
    assert ours.identity == theirs.identity


async def test_proxy_url_wins_over_variables_and_no_proxy(lab: Lab) -> None:
    async with connect_proxy(lab.server.port) as proxy:
        lab.kubeconfig(USER, named(lab, proxy_url=f"http://127.0.0.1:{proxy.port}"))
        lab.environ |= {"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "*"}
        await lab.both()
        assert len(proxy.take()) == 2


@pytest.mark.parametrize("form", ["http://127.0.0.1:{}", "127.0.0.1:{}"])
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
async def test_the_proxy_variables(lab: Lab, variable: str, form: str) -> None:
    async with connect_proxy(lab.server.port) as proxy:
        lab.kubeconfig(USER, named(lab))
        lab.environ[variable] = form.format(proxy.port)
        theirs, ours = await lab.both()
        assert proxy.take() == [Tunnel("kube.test:6443")] * 2
    assert ours.identity == theirs.identity


async def test_socks5_by_variable(lab: Lab) -> None:
    async with socks_proxy(lab.server.port) as proxy:
        lab.kubeconfig(USER, named(lab))
        lab.environ["HTTPS_PROXY"] = f"socks5://127.0.0.1:{proxy.port}"
        await lab.both()
        assert proxy.take() == [Tunnel("kube.test:6443")] * 2


async def test_loopback_is_never_proxied_by_variables(lab: Lab) -> None:
    async with connect_proxy(lab.server.port) as proxy:
        lab.kubeconfig(USER)
        lab.environ["HTTPS_PROXY"] = f"http://127.0.0.1:{proxy.port}"
        await lab.both()
        assert proxy.take() == []


@pytest.mark.parametrize(
    ("no_proxy", "goes_through"),
    [
        ("kube.test:443", True),
        ("other.test,10.0.0.0/8", True),
        ("kube.test", False),
        ("*", False),
        (".test:6443", False),
    ],
)
async def test_no_proxy(lab: Lab, no_proxy: str, goes_through: bool) -> None:
    # Past the proxy there is nothing to reach: that the tunnel is not asked for is the answer.
    async with connect_proxy(lab.server.port) as proxy:
        lab.kubeconfig(USER, named(lab))
        lab.environ |= {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}", "NO_PROXY": no_proxy}
        await lab.kubectl("--request-timeout=1s")
        theirs = proxy.take()
        try:
            await lab.ours()
        except OSError as error:
            pytest.fail(f"an error of the system came through: {error}")
        except Exception:  # noqa: BLE001 - no such host
            assert not goes_through
        assert proxy.take() == theirs == ([Tunnel("kube.test:6443")] if goes_through else [])
