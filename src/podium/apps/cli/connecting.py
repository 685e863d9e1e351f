"""The Cluster flags as one Connect."""

from __future__ import annotations

from collections.abc import Mapping

from podium.apps.bootstrap import Connect
from podium.apps.cli.verbs import Flags
from podium.domain.errors import UsageError

DEFAULT_CONNECT_TIMEOUT = 10.0


def read_connect(flags: Flags, environ: Mapping[str, str]) -> Connect:
    """Read how to reach clusters, and as whom; raises UsageError."""
    as_user = flags.text("as_user")
    beside = flags.texts("as_groups") or flags.pairs("as_user_extra") or flags.text("as_uid")
    if beside and as_user is None:
        raise UsageError("--as-group, --as-uid and --as-user-extra need --as")
    connect_timeout = flags.seconds("connect_timeout")
    return Connect(
        kubeconfig=flags.text("kubeconfig"),
        contexts=flags.texts("context"),
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
        as_user=as_user,
        as_groups=flags.texts("as_groups"),
        as_uid=flags.text("as_uid"),
        as_user_extra=flags.pairs("as_user_extra"),
        environ=environ,
    )
