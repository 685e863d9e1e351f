"""The Cluster flags as one Connect."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from podium.apps.bootstrap import Connect
from podium.apps.cli.verbs import Flags

DEFAULT_CONNECT_TIMEOUT = 10.0
KEPT = 16 * 1024 * 1024  #: bytes of a stream that are kept at least, whatever is shown of them


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else decides how clusters are reached. `stdin_taken`: why a plugin may not ask on stdin, "" if it may."""

    environ: Mapping[str, str]
    stdin_taken: str = ""
    max_output: int | None = None
    warn: Callable[[str], None] | None = None


def read_connect(flags: Flags, around: Surroundings) -> Connect:
    """Read how to reach clusters, and as whom; raises UsageError."""
    connect_timeout = flags.seconds("connect_timeout")
    return Connect(
        kubeconfig=flags.text("kubeconfig"),
        contexts=flags.texts("context") or _contexts_of_runs(flags),
        cluster=flags.text("cluster"),
        user=flags.text("user"),
        server=flags.text("server"),
        token_file=flags.text("token_file"),
        certificate_authority=flags.text("certificate_authority"),
        tls_server_name=flags.text("tls_server_name"),
        proxy_url=flags.text("proxy_url"),
        insecure_skip_tls_verify=flags.is_set("insecure_skip_tls_verify"),
        request_timeout=flags.seconds("request_timeout"),
        connect_timeout=DEFAULT_CONNECT_TIMEOUT if connect_timeout is None else connect_timeout,
        as_user=flags.text("as_user"),
        as_groups=flags.texts("as_groups"),
        as_uid=flags.text("as_uid"),
        as_user_extra=flags.pairs("as_user_extra"),
        max_output=None if around.max_output is None else max(around.max_output, KEPT),
        stdin_taken=around.stdin_taken,
        terminal=sys.stdin is not None and sys.stdin.isatty(),
        state_dir=flags.text("state_dir") if "state_dir" in flags.values else None,
        journal=not ("no_journal" in flags.values and flags.is_set("no_journal")),
        environ=around.environ,
        warn=around.warn,
    )


def _contexts_of_runs(flags: Flags) -> tuple[str, ...]:
    """--from-run means pods of the clusters of those runs, unless a cluster is named."""
    if not flags.values.get("from_run") or flags.text("server") is not None or flags.text("cluster") is not None:
        return ()
    from podium.apps.cli.from_run import contexts_of_runs

    return contexts_of_runs(flags)
