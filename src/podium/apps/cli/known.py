"""Values a Tab key can offer from the kubeconfig alone: no network, no plugin, no error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from podium.apps.bootstrap import Connect, open_kubeconfig
from podium.domain.errors import PodiumError

_LOOKED_AT = 100  #: contexts whose namespaces are offered


def contexts(params: Mapping[str, object]) -> list[str]:
    """The names of all contexts."""
    try:
        return list(open_kubeconfig(_connect(params)).contexts())
    except (PodiumError, OSError):
        return []


def namespaces(params: Mapping[str, object]) -> list[str]:
    """The namespaces that contexts name: those of --context, or of all."""
    connect = _connect(params)
    found: dict[str, None] = {}
    try:
        config = open_kubeconfig(connect)
        names = config.select(connect.contexts) if connect.contexts else config.contexts()
    except (PodiumError, OSError):
        return []
    for name in names[:_LOOKED_AT]:
        try:
            found[config.resolve(name).namespace] = None
        except (PodiumError, OSError):
            continue
    return list(found)


def _connect(params: Mapping[str, object]) -> Connect:
    kubeconfig, given = params.get("kubeconfig"), params.get("context")
    names = tuple(str(name) for name in given) if isinstance(given, Iterable) and not isinstance(given, str) else ()
    return Connect(kubeconfig=kubeconfig if isinstance(kubeconfig, str) else None, contexts=names, warn=_unsaid)


def _unsaid(_: str) -> None:
    """A Tab key is no place for warnings."""
