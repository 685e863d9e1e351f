"""Which proxy the environment's variables name for a URL, as Go's net/http reads them.

Source: golang.org/x/net/http/httpproxy. HTTPS_PROXY, HTTP_PROXY and NO_PROXY count, upper case before lower;
ALL_PROXY does not. Loopback is never proxied.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

_PORTS = {"http": 80, "https": 443}
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def proxy_for(url: str, env: Mapping[str, str]) -> str:
    """Return the proxy's URL for `url` (https://host:port/...), "" for none. A bare HOST:PORT means http://."""
    parts = urlsplit(url)
    names = {"https": ("HTTPS_PROXY", "https_proxy"), "http": ("HTTP_PROXY", "http_proxy")}.get(parts.scheme, ())
    proxy = _first(env, names)
    if not proxy or _is_spared(parts, _first(env, ("NO_PROXY", "no_proxy"))):
        return ""
    # What is no URL at all is returned too: whoever parses it can say so; Go would silently go without.
    return proxy if "://" in proxy else f"http://{proxy}"


def _first(env: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((env[name] for name in names if env.get(name)), "")


def _is_spared(parts: SplitResult, no_proxy: str) -> bool:
    host = _ascii(parts.hostname or "")
    port = parts.port if parts.port is not None else _PORTS.get(parts.scheme, 0)
    if host == "localhost":
        return True
    address = _address(host)
    if address is not None and address.is_loopback:
        return True
    entries = [entry.strip().lower() for entry in no_proxy.split(",")]
    return any(_spares(entry, host, port, address) for entry in entries if entry)


def _spares(entry: str, host: str, port: int, address: _Address | None) -> bool:
    if entry == "*":
        return True
    network = _network(entry)
    if network is not None:
        return address is not None and address.version == network.version and address in network
    named = _split(entry)
    if named.port is not None and named.port != port:
        return False
    entry_address = _address(named.host)
    if entry_address is not None:
        return entry_address == address
    if not named.host or address is not None:
        return False
    suffix = named.host.removeprefix("*") if named.host.startswith("*.") else named.host
    suffix = _ascii(suffix)
    if suffix.startswith("."):
        return host.endswith(suffix)
    return host == suffix or host.endswith(f".{suffix}")


@dataclass(frozen=True, slots=True)
class _Named:
    host: str
    port: int | None


def _split(entry: str) -> _Named:
    """Split HOST, HOST:PORT or [IPv6]:PORT; an odd port matches nothing."""
    host, colon, port = entry.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or (":" in host and not bracketed):
        return _Named(entry, None)
    return _Named(host.strip("[]"), int(port) if port.isdecimal() else -1)


def _address(host: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped if mapped is not None else address


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if "/" not in entry or entry.rpartition("/")[2].count(".") > 0:
        return None
    try:
        return ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return None


def _ascii(host: str) -> str:
    if host.isascii():
        return host.lower()
    try:
        return host.encode("idna").decode().lower()
    except UnicodeError:
        return host.lower()
