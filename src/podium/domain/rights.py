"""What each feature needs to be allowed, and the Role that gives it. Pure.

exec over WebSocket is an HTTP GET: it needs `get` on pods/exec, and from Kubernetes 1.35 also `create` (gate
AuthorizePodWebsocketUpgradeCreatePermission); both are asked for, so that a cluster's upgrade takes nothing away.
"""

from __future__ import annotations

import enum
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from podium.domain.errors import UsageError

_GROUPS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("deployments", "replicasets", "statefulsets", "daemonsets", "controllerrevisions"), "apps"),
        **dict.fromkeys(("jobs", "cronjobs"), "batch"),
    }
)
_SERVICE_ACCOUNT = re.compile(r"system:serviceaccount:([^:]+):([^:]+)")


class Feature(enum.Enum):
    """What rights are asked for: the verb of the command line."""

    TARGETS = "targets"
    EXEC = "exec"
    LOGS = "logs"


class Scope(enum.Enum):
    """Where a resource lives."""

    NAMESPACE = "namespace"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one resource. Without what is not `essential` the feature works and knows less: `why`."""

    verb: str
    resource: str  #: with its subresource: pods/exec
    scope: Scope = Scope.NAMESPACE
    essential: bool = True
    why: str = ""

    @property
    def group(self) -> str:
        """The resource's API group, "" for core."""
        return group_of(self.resource)


_LISTING = (
    Right("list", "pods", why="find the pods"),
    Right("get", "pods", essential=False, why="see one pod again"),
    Right("watch", "pods", essential=False, why="notice at once that a pod is deleted or replaced"),
)
_WIDE = (
    Right("list", "nodes", Scope.CLUSTER, essential=False, why="tell nodes that are not ready, their zones and pools"),
    Right("list", "namespaces", Scope.CLUSTER, essential=False, why="globs of namespaces; -A without all pods"),
)
_OWN: Mapping[Feature, tuple[Right, ...]] = MappingProxyType(
    {
        Feature.TARGETS: (),
        Feature.EXEC: (
            Right("get", "pods/exec", why="exec is an HTTP GET that becomes a WebSocket"),
            Right("create", "pods/exec", why="asked as well from Kubernetes 1.35 on"),
        ),
        Feature.LOGS: (Right("get", "pods/log", why="read logs"),),
    }
)


def group_of(resource: str) -> str:
    """The API group of a resource that we ask for, "" for core; subresources are of their resource's."""
    return _GROUPS.get(resource.partition("/")[0], "")


def parse_features(text: str) -> tuple[Feature, ...]:
    """Read `exec,logs`; raises UsageError for a word that is no feature with rights of its own."""
    known = {feature.value: feature for feature in Feature}
    words = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in words if word not in known]
    if unknown or not words:
        raise UsageError(f"--role {text!r}: expected one or more of {', '.join(known)}, with commas between")
    return tuple(dict.fromkeys(known[word] for word in words))


def rights_for(features: Iterable[Feature], *, everywhere: bool = False) -> tuple[Right, ...]:
    """What the features need in a namespace; with `everywhere` (-A) also what is asked of the cluster."""
    own = [right for feature in features for right in _OWN[feature]]
    return tuple(dict.fromkeys((*_LISTING, *own, *(_WIDE if everywhere else ()))))


def role_for(missing: Sequence[Right], namespace: str, user: str) -> str:
    """The Role and RoleBinding of what is missing, as YAML for `kubectl apply -f -`; "" where nothing is.

    `namespace` "" is the whole cluster: then, and for rights on what lives in no namespace, ClusterRole and
    ClusterRoleBinding. `user` as the cluster names it; of a service account its own kind of subject.
    """
    wide = [right for right in missing if namespace == "" or right.scope is Scope.CLUSTER]
    narrow = [right for right in missing if right not in wide]
    documents: list[str] = []
    if narrow:
        name = _name(narrow, user)
        documents += [_role("Role", name, namespace, narrow), _binding("RoleBinding", name, namespace, user)]
    if wide:
        name = _name(wide, user)
        documents += [_role("ClusterRole", name, "", wide), _binding("ClusterRoleBinding", name, "", user)]
    return "---\n".join(documents)


CREATE_SINCE = (1, 35)  #: AuthorizePodWebsocketUpgradeCreatePermission: exec asks for `create` as well


@dataclass(frozen=True, slots=True)
class Asked:
    """What a cluster said of one right. `namespace` "" is all of them; `allowed` None: it did not say."""

    cluster: str
    namespace: str
    right: Right
    allowed: bool | None


@dataclass(frozen=True, slots=True)
class Rights:
    """What the clusters said before a run: `everywhere` is allowed in all namespaces, `asked` was asked of each."""

    everywhere: tuple[Asked, ...] = ()
    asked: tuple[Asked, ...] = ()

    @property
    def lacking(self) -> tuple[Asked, ...]:
        """Where the answer was no."""
        return tuple(one for one in self.asked if one.allowed is False)

    @property
    def unknown(self) -> tuple[Asked, ...]:
        """Where there was no answer."""
        return tuple(one for one in self.asked if one.allowed is None)

    def __add__(self, other: Rights) -> Rights:
        return Rights((*self.everywhere, *other.everywhere), (*self.asked, *other.asked))


def exec_rights() -> tuple[Right, ...]:
    """What one exec needs in the namespace of its pod."""
    return _OWN[Feature.EXEC]


def is_needed(right: Right, version: str) -> bool:
    """Whether a server of this version asks for it; of one that does not say, yes."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    if right.resource != "pods/exec" or right.verb != "create" or found is None:
        return True
    return (int(found[1]), int(found[2])) >= CREATE_SINCE


def _name(rights: Sequence[Right], user: str) -> str:
    """A name of its own for each set of rights and user: applying one never takes back what another gave."""
    told = "\n".join((user, *sorted(f"{right.verb} {right.resource}" for right in rights)))
    digest = hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    # RBAC takes every name that can be one part of a path (path.ValidatePathSegmentName)
    return f"podium:{re.sub(r'[/%]', '-', user)}:{digest}"


def _role(kind: str, name: str, namespace: str, rights: Sequence[Right]) -> str:
    verbs: dict[tuple[str, str], list[str]] = {}
    for right in rights:
        verbs.setdefault((right.group, right.resource), []).append(right.verb)
    rules = [
        f"- apiGroups: [{_text(group)}]\n  resources: [{_text(resource)}]\n  verbs: [{', '.join(map(_text, found))}]\n"
        for (group, resource), found in verbs.items()
    ]
    return f"{_head(kind, name, namespace)}rules:\n{''.join(rules)}"


def _binding(kind: str, name: str, namespace: str, user: str) -> str:
    role = kind.removesuffix("Binding")
    return (
        f"{_head(kind, name, namespace)}roleRef:\n  apiGroup: rbac.authorization.k8s.io\n"
        f"  kind: {role}\n  name: {_text(name)}\nsubjects:\n{_subject(user)}"
    )


def _head(kind: str, name: str, namespace: str) -> str:
    place = f"  namespace: {_text(namespace)}\n" if namespace else ""
    return f"apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: {_text(name)}\n{place}"


def _subject(user: str) -> str:
    account = _SERVICE_ACCOUNT.fullmatch(user)
    if account is not None:
        return f"- kind: ServiceAccount\n  namespace: {_text(account[1])}\n  name: {_text(account[2])}\n"
    return f"- kind: User\n  apiGroup: rbac.authorization.k8s.io\n  name: {_text(user)}\n"


def _text(text: str) -> str:
    """A YAML scalar that reads back as this text: JSON strings are YAML."""
    return json.dumps(text)


@dataclass(frozen=True, slots=True)
class Protocols:
    """Which exec protocols a server is expected to speak, without having tried."""

    plain: str  #: for commands without stdin
    with_stdin: str
    note: str = ""


def protocols_expected(version: str) -> Protocols:
    """Tell from a version such as v1.36.3. v5, which can end stdin, is on since 1.30 (KEP-4006)."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    if found is None:
        return Protocols("v4", "v5", f"version {version!r} was not understood")
    if (int(found[1]), int(found[2])) < (1, 30):
        return Protocols("v4", "v4", "before 1.30 stdin cannot be ended")
    return Protocols("v4", "v5")
