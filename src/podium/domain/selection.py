"""What a user asked to pick: the values behind TARGETS and the Selection flags of the command line."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from podium.domain.inventory import Owner, Pod
from podium.domain.labels import LabelSelector
from podium.domain.targets import Target

#: owners that pods do not tell for certain, and what a snapshot must list for them; a pod's own labels tell its
#: deployment, so that a right to list replica sets is not needed
_ASKED: Mapping[str, str] = MappingProxyType({"Service": "service", "CronJob": "cronjob"})

PROTECTED = ("kube-*", "openshift-*")  #: namespaces of the cluster's own


class Readiness(enum.Enum):
    """--ready yes|no."""

    YES = "yes"
    NO = "no"


class Age(enum.Enum):
    """--revision new|old: the revision a workload rolls out now, or any other."""

    NEW = "new"
    OLD = "old"


class SamplePer(enum.Enum):
    """--sample N[/workload|image|node]."""

    ALL = "all"
    WORKLOAD = "workload"
    IMAGE = "image"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class Sample:
    """Take `size` targets (per each `per`), chosen by `seed`: the same seed chooses the same targets."""

    size: int
    per: SamplePer
    seed: int


@dataclass(frozen=True, slots=True)
class Where:
    """Which namespaces. `namespaces` are names or globs; empty and not `everywhere`: the context's own."""

    namespaces: tuple[str, ...] = ()
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Exclude:
    """-x EXPR: a name glob, TYPE/NAME, or a label KEY=VALUE; exactly one is set."""

    name: str = ""
    owner: Owner | None = None
    label: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """All of it. Repeats of one kind unite, different kinds intersect.

    `kinds`: names | owners | labels | field_selectors | given | everything say *what*; `where` says where.
    Ages in seconds. `spare_protected`: leave out `protected` namespaces unless `where` names them exactly.
    """

    where: Where = Where()
    names: tuple[str, ...] = ()  #: pod names or globs
    owners: tuple[Owner, ...] = ()  #: TYPE/NAME, kind as the API spells it (Deployment, Service, Pod, ...)
    labels: tuple[LabelSelector, ...] = ()
    field_selectors: tuple[str, ...] = ()  #: left to the server
    given: tuple[Target, ...] | None = None  #: --targets-from; container "" means by the container rules
    everything: bool = False  #: --all
    containers: tuple[str, ...] = ()  #: -c: names or globs
    all_containers: bool = False
    nodes: tuple[str, ...] = ()
    excludes: tuple[Exclude, ...] = ()
    ready: Readiness | None = None
    images: tuple[str, ...] = ()
    revision: Age | None = None
    newer_than: float | None = None
    older_than: float | None = None
    restarts_over: int | None = None
    sample: Sample | None = None
    spare_protected: bool = True
    protected: tuple[str, ...] = PROTECTED  #: names or globs of namespaces

    @property
    def says_what(self) -> bool:
        """Whether anything but `where` was said: acting or reading without it is a usage error."""
        labelled = any(not selector.is_empty for selector in self.labels)
        return bool(self.names or self.owners or labelled or self.field_selectors or self.given or self.everything)

    @property
    def effective_where(self) -> Where:
        """`where`, or where nothing was said of it and all that is `given` names its namespace: those namespaces."""
        if self.given is None or self.where != Where() or not all(target.namespace for target in self.given):
            return self.where
        return Where(tuple(dict.fromkeys(target.namespace for target in self.given)))

    @property
    def kinds(self) -> frozenset[str]:
        """What else than pods and nodes a snapshot must hold to resolve this: service, cronjob, replicaset."""
        owners = [*self.owners, *(exclude.owner for exclude in self.excludes if exclude.owner is not None)]
        kinds = {_ASKED[owner.kind] for owner in owners if owner.kind in _ASKED}
        return frozenset(kinds | ({"replicaset"} if self.revision is not None else set()))


class LeftOutWhy(enum.Enum):
    """Why something in the selection is not a target. Whether it counts says `LeftOut.should_run`."""

    PENDING = "Pending"
    WAITING = "Waiting"  # in a waiting reason: CrashLoopBackOff, ImagePullBackOff, ContainerCreating
    NOT_STARTED = "NotStarted"  # scheduled, and the kubelet did not start it yet, or says nothing of it
    RESTARTING = "Restarting"  # ended, and is to be started again
    COMPLETED = "Completed"
    FAILED = "Failed"  # phase Failed: evicted, and never restarted
    TERMINATING = "Terminating"
    NO_SUCH_CONTAINER = "NoSuchContainer"
    EXCLUDED = "Excluded"
    NOT_SAMPLED = "NotSampled"
    PROTECTED = "Protected"
    FILTERED = "Filtered"  # --ready, --node, --image, --revision, ages, restarts


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A pod, or one container of it, of the selection that is not a target, known from the snapshot.

    `should_run`: it is meant to run and does not (pending, crash-looping, not started): makes exit 1.
    `label` is the short text that folds: "CrashLoopBackOff", "ImagePullBackOff web:4.2.2", "Completed".
    """

    pod: Pod
    container: str  #: "" where the whole pod is left out
    why: LeftOutWhy
    should_run: bool
    label: str
    last_exit_code: int | None = None
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Picked:
    """A target with the pod it was found in."""

    target: Target
    pod: Pod


@dataclass(frozen=True, slots=True)
class Missing:
    """Something named exactly (a pod, TYPE/NAME, a line of --targets-from) of which the snapshot has no pod.

    It makes a run incomplete, as a left-out that should run does. `near`: names that look like it.
    """

    name: str
    near: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolution:
    """Selector + snapshot: the targets, and who was left out and why. Targets on NotReady nodes are targets."""

    picked: tuple[Picked, ...]
    left_out: tuple[LeftOut, ...]
    container_choice: tuple[tuple[str, int], ...] = ()  #: (("by annotation", 1180), ("first of several", 20)); said
    seed: int | None = None  #: of the sample, printed
    near_misses: tuple[str, ...] = ()  #: names close to what was asked, when nothing matched
    missing: tuple[Missing, ...] = ()  #: named exactly, and not there
