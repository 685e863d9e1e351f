"""What the process may use: open files, and asyncio's TLS buffers."""

from __future__ import annotations

import asyncio.sslproto

_TLS_BUFFER = 32 * 1024


def raise_open_files() -> int | None:
    """Raise the soft limit of open files to the hard one; return the limit, None where the system has none."""
    try:
        import resource
    except ImportError:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS reports infinity and refuses it; this is its own OPEN_MAX.
    wanted = 10_240 if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            return soft
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def shrink_tls_buffers() -> None:
    """Make asyncio's own TLS take 32 KiB a connection and not 256: call it once where uvloop is missing."""
    # The class attribute is the only way asyncio gives; it is read when a connection is made.
    asyncio.sslproto.SSLProtocol.max_size = _TLS_BUFFER  # type: ignore[attr-defined, unused-ignore]
