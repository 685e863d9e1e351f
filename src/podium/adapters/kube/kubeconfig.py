"""Kubeconfig: find the files, merge them, choose contexts, resolve one to an Access.

Source: client-go `tools/clientcmd/loader.go` (which files, first wins), `client_config.go` (flags over files).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from podium.adapters.kube import in_cluster
from podium.adapters.kube.access import Access, Credentials
from podium.adapters.kube.cluster import access_server, cluster_with, proxy_of, tls_of
from podium.adapters.kube.identity import credentials_for
from podium.adapters.kube.impersonation import acting_as, headers_of
from podium.adapters.kube.kubeconfig_decode import cluster_of, context_of, user_of
from podium.adapters.kube.kubeconfig_entries import ClusterEntry, ContextEntry, Overrides, UserEntry
from podium.adapters.kube.kubeconfig_file import KubeconfigFile, Stanza, read
from podium.adapters.kube.surroundings import Surroundings
from podium.domain.errors import UsageError

_NAMED_AT_MOST = 8


class Config:
    """Kubeconfig files, merged. Users shared by several contexts share one set of credentials."""

    def __init__(self, files: Sequence[KubeconfigFile], looked_at: Sequence[Path], surroundings: Surroundings) -> None:
        self._clusters = _first_wins(file.clusters for file in files)
        self._users = _first_wins(file.users for file in files)
        self._contexts = _first_wins(file.contexts for file in files)
        self._current = next((file.current_context for file in files if file.current_context), "")
        self._looked_at = tuple(looked_at)
        self._surroundings = surroundings
        self._shared: dict[tuple[object, ...], Credentials] = {}
        nothing = not (self._clusters or self._users or self._contexts)
        self._in_cluster = nothing and in_cluster.is_possible(surroundings)

    @property
    def current(self) -> str:
        """The current context's name, "" where there is none."""
        return in_cluster.NAME if self._in_cluster else self._current

    def contexts(self) -> tuple[str, ...]:
        """Return the names of all contexts, in the order of the files."""
        return (in_cluster.NAME,) if self._in_cluster else tuple(self._contexts)

    def select(self, patterns: Sequence[str] = (), overrides: Overrides | None = None) -> tuple[str, ...]:
        """Return the contexts that names or globs choose, each once; without patterns the current one.

        With none current, but a server or a cluster in the overrides, that is the context "". A name wins over its
        reading as a glob. Raises UsageError where a pattern matches nothing (near misses named).
        """
        asked = [pattern for pattern in patterns if pattern]
        if not asked:
            return (self._default(overrides or Overrides()),)
        chosen: dict[str, None] = {}
        for pattern in asked:
            names = self.contexts()
            matches = [pattern] if pattern in names else [name for name in names if fnmatchcase(name, pattern)]
            if not matches:
                raise self._unknown("context", pattern, names)
            chosen.update(dict.fromkeys(matches))
        return tuple(chosen)

    def resolve(self, context: str, overrides: Overrides | None = None) -> Access:
        """Return how to reach a context's cluster, and as whom.

        Reads CA and certificate files, runs nothing and reaches nothing. Raises UsageError in one line that names
        file and line, or the names that would do.
        """
        flags = overrides or Overrides()
        entry = self._context(context)
        cluster = cluster_with(self._cluster(entry, flags), flags)
        user = self._user(entry, flags)
        tls = tls_of(cluster)
        impersonation = acting_as(user.impersonation, flags)
        return Access(
            context=context,
            cluster_name=flags.cluster or entry.cluster,
            user_name=flags.user or entry.user,
            server=access_server(cluster),
            namespace=flags.namespace or entry.namespace or "default",
            tls=tls,
            proxy=proxy_of(cluster),
            credentials=self._credentials(user, cluster, tls.ca_pem, flags),
            impersonate=headers_of(impersonation),
        )

    def _default(self, overrides: Overrides) -> str:
        if self.current:
            if self.current not in self.contexts():
                raise self._unknown("current context", self.current, self.contexts())
            return self.current
        if overrides.server or overrides.cluster:
            return ""
        if self._contexts:
            raise UsageError(f"no current context; choose one with --context: {_named(self._contexts)}")
        if self._looked_at:
            places = ", ".join(str(path) for path in self._looked_at)
            raise UsageError(f"no kubeconfig: no contexts in {places}; name a file with --kubeconfig or KUBECONFIG")
        raise UsageError("no kubeconfig: neither KUBECONFIG nor HOME is set; name a file with --kubeconfig")

    def _context(self, name: str) -> ContextEntry:
        if self._in_cluster and name == in_cluster.NAME:
            return in_cluster.context_of(self._surroundings)
        if not name:
            return ContextEntry()
        if name not in self._contexts:
            raise self._unknown("context", name, self._contexts)
        return context_of(self._contexts[name])

    def _cluster(self, context: ContextEntry, flags: Overrides) -> ClusterEntry:
        name = flags.cluster or context.cluster
        if self._in_cluster and name == in_cluster.NAME:
            return in_cluster.cluster_of(self._surroundings)
        if name in self._clusters:
            return cluster_of(self._clusters[name])
        if name:
            raise self._unknown("cluster", name, self._clusters, of=None if flags.cluster else context)
        if flags.server:
            return ClusterEntry()
        raise UsageError(f'context "{context.name}" names no cluster; give one with --cluster or --server')

    def _user(self, context: ContextEntry, flags: Overrides) -> UserEntry:
        name = flags.user or context.user
        if self._in_cluster and name == in_cluster.NAME:
            return in_cluster.user_of(self._surroundings)
        if name in self._users:
            return user_of(self._users[name])
        if name:
            raise self._unknown("user", name, self._users, of=None if flags.user else context)
        return UserEntry()

    def _credentials(
        self, user: UserEntry, cluster: ClusterEntry, ca_pem: bytes | None, flags: Overrides
    ) -> Credentials:
        told = user.exec_plugin is not None and user.exec_plugin.provide_cluster_info
        secure = cluster.server.startswith("https://")
        key = (user.name, flags.token_file, secure, (cluster.name, flags) if told else None)
        if key not in self._shared:
            if flags.token_file:
                user = replace(user, token_file=flags.token_file)
            self._shared[key] = credentials_for(user, cluster, ca_pem, self._surroundings)
        return self._shared[key]

    def _unknown(self, kind: str, name: str, known: Iterable[str], of: ContextEntry | None = None) -> UsageError:
        names = list(known)
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        near += [other for other in names if name.lower() in other.lower() and other not in near][: 3 - len(near)]
        if near:
            hint = "did you mean " + " or ".join(f'"{other}"' for other in near) + "?"
        elif names:
            hint = f"there are: {_named(names)}"
        else:
            places = ", ".join(str(path) for path in self._looked_at) or "no kubeconfig"
            hint = f"there is none in {places}"
        whose = f' (named by context "{of.name}")' if of is not None and of.name else ""
        return UsageError(f'no {kind} "{name}"{whose}; {hint}')


def load(explicit: str | None, surroundings: Surroundings) -> Config:
    """Read the kubeconfig that --kubeconfig, KUBECONFIG (a list) or ~/.kube/config name, and merge.

    `explicit` must exist; missing files of the others are skipped. No HOME is fine. Raises UsageError with file and
    line where a file is broken.
    """
    paths = _paths(explicit, surroundings.environ)
    files = []
    for path in paths:
        try:
            files.append(read(path))
        except FileNotFoundError:
            if explicit:
                raise UsageError(f"no such kubeconfig: {path}") from None
    return Config(files, paths, surroundings)


def _paths(explicit: str | None, environ: Mapping[str, str]) -> tuple[Path, ...]:
    if explicit:
        return (Path(explicit),)
    listed = environ.get("KUBECONFIG", "")
    if listed:
        return tuple(Path(name) for name in dict.fromkeys(listed.split(":")) if name)
    home = environ.get("HOME", "")
    return (Path(home) / ".kube" / "config",) if home else ()


def _first_wins(lists: Iterable[Sequence[Stanza]]) -> dict[str, Stanza]:
    merged: dict[str, Stanza] = {}
    for stanzas in lists:
        for stanza in stanzas:
            merged.setdefault(stanza.name, stanza)
    return merged


def _named(names: Iterable[str]) -> str:
    known = list(names)
    rest = len(known) - _NAMED_AT_MOST
    return ", ".join(known[:_NAMED_AT_MOST]) + (f" and {rest} more" if rest > 0 else "")
