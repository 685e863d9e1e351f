"""The proxy variables as Go reads them, case by case."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from podium.adapters.kube.proxy_env import proxy_for

GO_TABLE = [
    # What golang.org/x/net/http/httpproxy does, case by case.
    ("https://example.com", {}, ""),
    ("https://example.com", {"HTTPS_PROXY": "cache.test:3128"}, "http://cache.test:3128"),
    ("https://example.com", {"HTTPS_PROXY": "https://cache.test"}, "https://cache.test"),
    ("https://example.com", {"https_proxy": "http://a", "HTTPS_PROXY": "http://b"}, "http://b"),
    ("https://example.com", {"https_proxy": "http://a", "HTTPS_PROXY": ""}, "http://a"),
    ("https://example.com", {"HTTP_PROXY": "http://a", "ALL_PROXY": "http://b"}, ""),
    ("http://example.com", {"HTTP_PROXY": "http://a", "HTTPS_PROXY": "http://b"}, "http://a"),
    ("https://localhost:6443", {"HTTPS_PROXY": "http://a"}, ""),
    ("https://127.1.2.3", {"HTTPS_PROXY": "http://a"}, ""),
    ("https://[::1]:6443", {"HTTPS_PROXY": "http://a"}, ""),
    ("https://LOCALHOST", {"HTTPS_PROXY": "http://a"}, ""),
    ("https://localhost.test", {"HTTPS_PROXY": "http://a"}, "http://a"),
]
NO_PROXY_TABLE = [
    ("https://example.com", "example.com", True),
    ("https://Example.com", "EXAMPLE.com", True),
    ("https://foo.example.com", "example.com", True),
    ("https://fooexample.com", "example.com", False),
    ("https://example.com", ".example.com", False),
    ("https://foo.example.com", ".example.com", True),
    ("https://foo.example.com", "*.example.com", True),
    ("https://example.com", "*.example.com", False),
    ("https://example.com:6443", "example.com:6443", True),
    ("https://example.com:6443", "example.com:443", False),
    ("https://example.com", "example.com:443", True),
    ("https://10.1.2.3", "10.0.0.0/8", True),
    ("https://11.1.2.3", "10.0.0.0/8", False),
    ("https://ten.test", "10.0.0.0/8", False),
    ("https://10.1.2.3:6443", "10.1.2.3:6443", True),
    ("https://10.1.2.3:6443", "10.1.2.3:443", False),
    ("https://10.1.2.3", "1.2.3", False),
    ("https://10.1.2.3", ".2.3", False),
    ("https://[fd00::1]:6443", "fd00::/8", True),
    ("https://[fd00::1]:6443", "[fd00::1]:6443", True),
    ("https://[fd00::1]:6443", "fd00::1", True),
    ("https://[fd00::1]:6443", "[fd00::1]:1", False),
    ("https://example.com", "*", True),
    ("https://example.com", "other.test, , example.com ", True),
    ("https://example.com", ":443,", False),
    ("https://bücher.test", "xn--bcher-kva.test", True),
    ("https://xn--bcher-kva.test", "bücher.test", True),
]


@pytest.mark.parametrize(("url", "env", "proxy"), GO_TABLE)
def test_which_variable_counts(url: str, env: dict[str, str], proxy: str) -> None:
    assert proxy_for(url, env) == proxy


@pytest.mark.parametrize(("url", "no_proxy", "spared"), NO_PROXY_TABLE)
def test_what_no_proxy_spares(url: str, no_proxy: str, spared: bool) -> None:
    env = {"HTTPS_PROXY": "http://proxy.test:1", "NO_PROXY": no_proxy}
    assert (proxy_for(url, env) == "") == spared


@example("http://[", "[::")
@given(st.text(max_size=40), st.text(max_size=40))
def test_no_variable_makes_it_raise(proxy: str, no_proxy: str) -> None:
    assert isinstance(proxy_for("https://kube.test:6443/x", {"HTTPS_PROXY": proxy, "NO_PROXY": no_proxy}), str)
