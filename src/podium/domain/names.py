"""The words of TARGETS: NAME|GLOB, TYPE/NAME, -x EXPR, the lines of --targets-from, --sample N[/PER]."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from podium.domain.errors import UsageError
from podium.domain.globs import is_glob
from podium.domain.inventory import Owner
from podium.domain.labels import parse_pair
from podium.domain.selection import Exclude, Sample, SamplePer
from podium.domain.targets import Target, parse_id

#: kind as the API spells it -> its API group and what kubectl also calls it; the first is how we write it
_KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Deployment": ("apps", ("deploy", "deployment", "deployments")),
        "StatefulSet": ("apps", ("sts", "statefulset", "statefulsets")),
        "DaemonSet": ("apps", ("ds", "daemonset", "daemonsets")),
        "ReplicaSet": ("apps", ("rs", "replicaset", "replicasets")),
        "Job": ("batch", ("job", "jobs")),
        "CronJob": ("batch", ("cronjob", "cj", "cronjobs")),
        "Pod": ("", ("pod", "po", "pods")),
        "Service": ("", ("svc", "service", "services")),
    }
)
_KIND_OF: Mapping[str, str] = MappingProxyType({word: kind for kind, (_, words) in _KINDS.items() for word in words})
_TYPES = " ".join(words[0] for _, words in _KINDS.values())
_VERSION = re.compile(r"v[0-9]+(?:(?:alpha|beta)[0-9]+)?")
_NAME = re.compile(r"[a-z0-9.*?\[\]!^-]+")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of TARGETS, told apart."""

    names: tuple[str, ...] = ()  #: pod names or globs
    owners: tuple[Owner, ...] = ()


def parse_words(words: Iterable[str]) -> Words:
    """Tell names and globs from TYPE/NAME; raises UsageError for a word that is neither."""
    names: list[str] = []
    owners: list[Owner] = []
    for word in words:
        if word.startswith("@"):
            raise UsageError(f"target {word!r}: no selection of that name in the settings")
        if "/" in word:
            owners.append(parse_owner(word))
        else:
            names.append(_checked_name(word, f"target {word!r}"))
    return Words(tuple(dict.fromkeys(names)), tuple(dict.fromkeys(owners)))


def parse_owner(text: str) -> Owner:
    """Read TYPE/NAME, the type in any of kubectl's spellings (deploy/web, Deployment/web, deployments.apps/web)."""
    word, _, name = text.partition("/")
    if "/" in name:
        raise UsageError(f"target {text!r}: expected NAME, GLOB or TYPE/NAME (whole ids go into --targets-from)")
    kind = _kind_of(word.lower())
    if kind is None:
        raise UsageError(f"target {text!r}: unknown type {word!r} (known: {_TYPES})")
    return Owner(kind, _checked_name(name, f"target {text!r}"))


def format_owner(owner: Owner) -> str:
    """Write an owner as a user would: deploy/web; a kind of others in lower case."""
    _, words = _KINDS.get(owner.kind, ("", (owner.kind.lower(),)))
    return f"{words[0]}/{owner.name}"


def parse_exclude(text: str) -> Exclude:
    """Read the EXPR of -x: a label KEY=VALUE, TYPE/NAME, else a name or glob; raises UsageError."""
    try:
        if "=" in text:
            return Exclude(label=parse_pair(text))
        if "/" in text:
            return Exclude(owner=parse_owner(text))
        return Exclude(name=_checked_name(text, f"{text!r}"))
    except UsageError as error:
        raise UsageError(f"--exclude: {error}") from None


def parse_given(lines: Iterable[str], source: str) -> tuple[Target, ...]:
    """Read the lines of --targets-from; `source` names the file in errors.

    A line is CLUSTER/NAMESPACE/POD/CONTAINER as `podium targets -o name` prints it, NAMESPACE/POD, pod/NAME or a
    pod's name. What a line leaves open is "": any cluster, the namespaces that were asked for, the container rules.
    Blank lines and lines that begin with `#` are passed over. Raises UsageError with the number of the line.
    """
    given: dict[Target, None] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text == "" or text.startswith("#"):
            continue
        try:
            given[_given(text)] = None
        except ValueError as error:
            raise UsageError(f"{source}, line {number}: {error}: {text!r}") from None
    return tuple(given)


def parse_sample(text: str, seed: int) -> Sample:
    """Read N or N/workload, N/image, N/node; raises UsageError."""
    size, slash, per = text.partition("/")
    kinds = {kind.value: kind for kind in SamplePer if kind is not SamplePer.ALL}
    if re.fullmatch(r"[0-9]{1,9}", size) is None or int(size) < 1 or (slash and per not in kinds):
        raise UsageError(f"--sample {text!r}: expected N, N/workload, N/image or N/node with N at least 1")
    return Sample(int(size), kinds[per] if slash else SamplePer.ALL, seed)


def _kind_of(word: str) -> str | None:
    """The kind behind a type word, with or without version and group: deploy, deployment.apps, deployment.v1.apps."""
    plain, dot, rest = word.partition(".")
    kind = _KIND_OF.get(plain)
    if kind is None or not dot:
        return kind
    group, _ = _KINDS[kind]
    first, _, others = rest.partition(".")
    named = others if _VERSION.fullmatch(first) is not None else rest
    return kind if named == group else None


def _checked_name(name: str, where: str) -> str:
    if name == "":
        raise UsageError(f"{where}: the name is empty")
    if "," in name:
        raise UsageError(f"{where}: give several names apart, not with commas")
    if _NAME.fullmatch(name) is None:
        raise UsageError(f"{where}: no name in Kubernetes looks like this (lower-case letters, digits, '-', '.')")
    return name


def _given(text: str) -> Target:
    parts = text.split("/")
    if len(parts) == 4 and all(parts):
        return parse_id(text)
    if len(parts) > 2:
        raise ValueError("expected CLUSTER/NAMESPACE/POD/CONTAINER, NAMESPACE/POD, pod/NAME or a pod's name")
    if any(part == "" or is_glob(part) or _NAME.fullmatch(part) is None for part in parts):
        raise ValueError("not the name of a pod (names here are exact)")
    if len(parts) == 1:
        return Target("", "", parts[0], "")
    kind = _kind_of(parts[0])
    if kind not in {None, "Pod"}:
        raise ValueError("a workload is not a pod; give it among the TARGETS")
    return Target("", "" if kind == "Pod" else parts[0], parts[1], "")
