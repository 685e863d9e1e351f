"""Which resources are served, and how a path names one of them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object as discovery tells it."""

    group: str
    version: str
    plural: str
    kind: str
    singular: str
    namespaced: bool
    short: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ("get", "list", "watch")
    subresources: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """Return group/version, or the version alone for the core group."""
        return self.version if self.group == "" else f"{self.group}/{self.version}"


ALL = ("all",)
POD_PARTS = (("exec", "PodExecOptions", ("create", "get")), ("log", "Pod", ("get",)))
RESOURCES = (
    Resource("", "v1", "namespaces", "Namespace", "namespace", False, ("ns",)),
    Resource("", "v1", "nodes", "Node", "node", False, ("no",)),
    Resource("", "v1", "pods", "Pod", "pod", True, ("po",), ("delete", "get", "list", "watch"), POD_PARTS, ALL),
    Resource("", "v1", "services", "Service", "service", True, ("svc",), categories=ALL),
    Resource("", "v1", "events", "Event", "event", True, ("ev",)),
    Resource("apps", "v1", "deployments", "Deployment", "deployment", True, ("deploy",), categories=ALL),
    Resource("apps", "v1", "replicasets", "ReplicaSet", "replicaset", True, ("rs",), categories=ALL),
    Resource("apps", "v1", "statefulsets", "StatefulSet", "statefulset", True, ("sts",), categories=ALL),
    Resource("apps", "v1", "daemonsets", "DaemonSet", "daemonset", True, ("ds",), categories=ALL),
    Resource("apps", "v1", "controllerrevisions", "ControllerRevision", "controllerrevision", True),
    Resource("batch", "v1", "jobs", "Job", "job", True, categories=ALL),
    Resource("batch", "v1", "cronjobs", "CronJob", "cronjob", True, ("cj",), categories=ALL),
    Resource("coordination.k8s.io", "v1", "leases", "Lease", "lease", True),
    Resource(
        "authorization.k8s.io",
        "v1",
        "selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
        "selfsubjectaccessreview",
        False,
        (),
        ("create",),
    ),
    Resource(
        "authorization.k8s.io",
        "v1",
        "selfsubjectrulesreviews",
        "SelfSubjectRulesReview",
        "selfsubjectrulesreview",
        False,
        (),
        ("create",),
    ),
    Resource(
        "authentication.k8s.io",
        "v1",
        "selfsubjectreviews",
        "SelfSubjectReview",
        "selfsubjectreview",
        False,
        (),
        ("create",),
    ),
)
BY_PATH = {(one.group, one.version, one.plural): one for one in RESOURCES}
GROUPS = tuple(dict.fromkeys(one.group for one in RESOURCES))


@dataclass(frozen=True, slots=True)
class Target:
    """What a resource path names; empty strings where it names nothing."""

    group: str
    version: str
    plural: str
    namespace: str
    name: str
    subresource: str

    @property
    def resource(self) -> Resource | None:
        """Return the resource, None where it is not served."""
        return BY_PATH.get((self.group, self.version, self.plural))

    @property
    def full_resource(self) -> str:
        """Return resource/subresource, as RBAC writes it."""
        return self.plural if self.subresource == "" else f"{self.plural}/{self.subresource}"


def read_path(path: str) -> Target | None:
    """Return what a path names, None for a path that is no resource's (RequestInfoFactory.NewRequestInfo)."""
    parts = [part for part in path.split("/") if part != ""]
    if len(parts) >= 3 and parts[0] == "api":
        group, version, rest = "", parts[1], parts[2:]
    elif len(parts) >= 4 and parts[0] == "apis":
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        # /namespaces/X is the namespace itself; /namespaces/X/status and /finalize would be its subresources
        if len(rest) == 2:
            return Target(group, version, "namespaces", namespace, namespace, "")
        rest = rest[2:]
    name = rest[1] if len(rest) > 1 else ""
    return Target(group, version, rest[0], namespace, name, "/".join(rest[2:]))
