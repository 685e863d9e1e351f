"""TARGETS and the Selection flags as one Selection."""

from __future__ import annotations

import secrets
import shlex
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from podium.apps.cli.verbs import Flags
from podium.domain import labels, names
from podium.domain.errors import UsageError
from podium.domain.selection import Age, Readiness, Sample, Selection, Where
from podium.domain.targets import Target
from podium.domain.units import format_duration
from podium.features.exec.request import Reach

_WAYS = (
    "name pods (NAME|GLOB), workloads (TYPE/NAME: deploy sts ds rs job cronjob pod svc), "
    "-l SELECTOR, --field-selector, --targets-from FILE, or --all"
)


def read_selection(flags: Flags, *, acting: bool) -> Selection:
    """Read what a verb selects; raises UsageError.

    An `acting` verb needs a selection that says what; where none is said, a verb that is not acting takes the
    whole namespace.
    """
    words = names.parse_words(flags.texts("words"))
    given = _given(flags)
    if flags.texts("from_run"):
        if given is not None:
            raise UsageError("--from-run and --targets-from contradict each other: give one of them")
        from podium.apps.cli.from_run import read_from_run

        given = read_from_run(flags)
    selectors = tuple(_label_selector(text) for text in flags.texts("labels"))
    selection = Selection(
        where=read_where(flags),
        names=words.names,
        owners=words.owners,
        labels=selectors,
        field_selectors=tuple(_said("--field-selector", text) for text in flags.texts("field_selectors")),
        given=given,
        everything=flags.is_set("everything"),
        containers=tuple(_said("-c", text) for text in flags.texts("containers")),
        all_containers=flags.is_set("all_containers"),
        nodes=tuple(_said("--node", text) for text in flags.texts("nodes")),
        excludes=tuple(names.parse_exclude(text) for text in flags.texts("excludes")),
        ready=_readiness(flags.text("ready")),
        images=tuple(_said("--image", text) for text in flags.texts("images")),
        revision=_age(flags.text("revision")),
        newer_than=flags.seconds("newer_than"),
        older_than=flags.seconds("older_than"),
        restarts_over=flags.count("restarts_over"),
        sample=_sample(flags),
        spare_protected=acting,
    )
    return _checked(selection, acting=acting)


_REACH = (
    ("kubeconfig", "--kubeconfig"),
    ("cluster", "--cluster"),
    ("user", "--user"),
    ("server", "--server"),
    ("certificate_authority", "--certificate-authority"),
    ("tls_server_name", "--tls-server-name"),
    ("insecure_skip_tls_verify", "--insecure-skip-tls-verify"),
    ("as_user", "--as"),
    ("as_groups", "--as-group"),
    ("as_uid", "--as-uid"),
)
_REACH_OURS = (("as_user_extra", "--as-user-extra"), ("token_file", "--token-file"), ("proxy_url", "--proxy-url"))
_AGAIN = (
    ("context", "--context"),
    *_REACH,
    *_REACH_OURS,
    ("namespace", "-n"),
    ("all_namespaces", "-A"),
    ("everything", "--all"),
    ("labels", "-l"),
    ("field_selectors", "--field-selector"),
    ("containers", "-c"),
    ("all_containers", "--all-containers"),
    ("nodes", "--node"),
    ("excludes", "-x"),
    ("ready", "--ready"),
    ("images", "--image"),
    ("revision", "--revision"),
    ("newer_than", "--newer-than"),
    ("older_than", "--older-than"),
    ("restarts_over", "--restarts-over"),
    ("targets_from", "--targets-from"),
    ("from_run", "--from-run"),
)


def again(flags: Flags) -> str:
    """The TARGETS and selection flags as a shell takes them; "" where they came by stdin."""
    if flags.text("targets_from") == "-":
        return ""
    return shlex.join([*flags.texts("words"), *_written(flags, _AGAIN)])


def read_reach(flags: Flags) -> Reach:
    """The Cluster flags as a shell takes them."""
    return Reach(
        contexts=shlex.join(_written(flags, (("context", "--context"),))),
        flags=shlex.join(_written(flags, (*_REACH, *_REACH_OURS))),
        kubectl=shlex.join(_written(flags, _REACH)),
    )


def _written(flags: Flags, named: Iterable[tuple[str, str]]) -> list[str]:
    words: list[str] = []
    for name, flag in named:
        match flags.values[name]:
            case True:
                words.append(flag)
            case float() as seconds:
                words += [flag, format_duration(seconds)]
            case str() | int() as value if not isinstance(value, bool):
                words += [flag, str(value)]
            case tuple() as values:
                words += [word for value in values for word in (flag, _value(value))]
            case _:
                pass
    return words


def _value(value: object) -> str:
    match value:
        case (key, part):  # K=V
            return f"{key}={part}"
        case _:
            return str(value)


def _checked(selection: Selection, *, acting: bool) -> Selection:
    if selection.containers and selection.all_containers:
        raise UsageError("-c and --all-containers contradict each other: give one of them")
    if selection.says_what:
        return selection
    if acting:
        raise UsageError(f"nothing says which pods: {_WAYS} (-A says where, not what)")
    return replace(selection, everything=True)


def read_where(flags: Flags) -> Where:
    """Read -n and -A; raises UsageError."""
    parts = tuple(part.strip() for text in flags.texts("namespace") for part in text.split(","))
    if any(part == "" for part in parts):
        raise UsageError("-n: a namespace's name is empty")
    everywhere = flags.is_set("all_namespaces")
    if everywhere and parts:
        raise UsageError("-A and -n contradict each other: give one of them")
    return Where(tuple(dict.fromkeys(parts)), everywhere)


def _label_selector(text: str) -> labels.LabelSelector:
    selector = labels.parse(text)
    if selector.is_empty:
        raise UsageError(f"-l: an empty selector picks nothing: {_WAYS}")
    return selector


def _said(flag: str, text: str) -> str:
    if text.strip() == "":
        raise UsageError(f"{flag}: the value is empty")
    return text


def _given(flags: Flags) -> tuple[Target, ...] | None:
    source = flags.text("targets_from")
    if source is None:
        return None
    if source == "-":
        text, source = sys.stdin.buffer.read(), "stdin"
    else:
        try:
            text = Path(source).read_bytes()
        except OSError as error:
            raise UsageError(f"--targets-from: {source}: {error.strerror}") from None
    given = names.parse_given(text.decode("utf-8", "replace").splitlines(), source)
    if not given:
        raise UsageError(f"--targets-from: {source} names no target: {_WAYS}")
    return given


def _sample(flags: Flags) -> Sample | None:
    text, seed = flags.text("sample"), flags.count("seed")
    if text is None:
        if seed is not None:
            raise UsageError("--seed belongs to --sample")
        return None
    return names.parse_sample(text, secrets.randbelow(1_000_000) if seed is None else seed)


def _readiness(text: str | None) -> Readiness | None:
    return None if text is None else Readiness(text)


def _age(text: str | None) -> Age | None:
    return None if text is None else Age(text)
