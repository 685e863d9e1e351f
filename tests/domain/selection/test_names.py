"""The words of TARGETS, -x, --targets-from and --sample."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.selection.fleet import steady
from podium.domain.errors import UsageError
from podium.domain.inventory import Owner
from podium.domain.names import (
    Words,
    format_owner,
    parse_exclude,
    parse_given,
    parse_owner,
    parse_sample,
    parse_words,
)
from podium.domain.selection import Exclude, Sample, SamplePer
from podium.domain.targets import Target, format_id

KINDS = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod", "Service"]
names = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,20}[a-z0-9])?", fullmatch=True)
parts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("deploy deployment deployments deployment.apps deployments.apps deployments.v1.apps Deployment", "Deployment"),
        ("sts statefulset statefulsets statefulset.apps", "StatefulSet"),
        ("ds daemonset daemonsets DaemonSet.apps", "DaemonSet"),
        ("rs replicaset replicasets replicaset.v1.apps", "ReplicaSet"),
        ("job jobs job.batch jobs.v1.batch", "Job"),
        ("cj cronjob cronjobs cronjob.batch cronjobs.v1beta1.batch", "CronJob"),
        ("po pod pods pods.v1", "Pod"),
        ("svc service services services.v1.", "Service"),
    ],
)
def test_types_in_every_spelling_of_kubectl(words: str, kind: str) -> None:
    for word in words.split():
        assert parse_owner(f"{word}/web") == Owner(kind, "web"), word


@steady
@given(st.sampled_from(KINDS), names)
def test_owners_are_written_so_that_they_read_back(kind: str, name: str) -> None:
    assert parse_owner(format_owner(Owner(kind, name))) == Owner(kind, name)


def test_an_owner_of_another_kind_can_still_be_written() -> None:
    assert format_owner(Owner("Rollout", "web")) == "rollout/web"


def test_words_are_told_apart_and_taken_once() -> None:
    assert parse_words(["web-1", "db-*", "deploy/web", "web-1", "deployment/web"]) == Words(
        ("web-1", "db-*"), (Owner("Deployment", "web"),)
    )


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("depoly/web", "target 'depoly/web': unknown type 'depoly' (known: deploy sts ds rs job cronjob pod svc)"),
        ("deployment.extensions/web", "unknown type"),
        ("pods.apps/web", "unknown type"),
        ("node/n1", "unknown type 'node'"),
        ("deploy/", "target 'deploy/': the name is empty"),
        ("", "target '': the name is empty"),
        ("east/shop/web-1/app", "expected NAME, GLOB or TYPE/NAME (whole ids go into --targets-from)"),
        ("a,b", "give several names apart"),
        ("deploy/a,b", "give several names apart"),
        ("Web", "no name in Kubernetes looks like this"),
        ("web\x1b[2J", "no name in Kubernetes looks like this"),
        ("@mine", "no selection of that name in the settings"),
    ],
)
def test_a_word_that_is_neither_is_refused_in_one_line(word: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_words([word])
    assert says in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_excludes() -> None:
    assert parse_exclude("web-*") == Exclude(name="web-*")
    assert parse_exclude("deploy/web") == Exclude(owner=Owner("Deployment", "web"))
    assert parse_exclude("app.kubernetes.io/name=web") == Exclude(label=("app.kubernetes.io/name", "web"))
    for text in ("", "a=b=c", "app!=web", "x/y", "Web"):
        with pytest.raises(UsageError, match=r"^--exclude: "):
            parse_exclude(text)


@steady
@given(st.lists(st.builds(Target, parts, parts, parts, parts), unique=True))
def test_ids_read_back_from_the_lines_that_targets_prints(targets: list[Target]) -> None:
    lines = [format_id(target) for target in targets]
    assert parse_given([f"{line}\n" for line in lines], "-") == tuple(targets)


def test_shorter_forms_leave_open_what_they_do_not_say() -> None:
    lines = ["", "# of last night", " shop/web-1 ", "pod/web-2", "pods/web-2", "web-3", "web-3"]
    assert parse_given(lines, "-") == (
        Target("", "shop", "web-1", ""),
        Target("", "", "web-2", ""),
        Target("", "", "web-3", ""),
    )


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a/b/c", "expected CLUSTER/NAMESPACE/POD/CONTAINER, NAMESPACE/POD, pod/NAME or a pod's name: 'a/b/c'"),
        ("a/b//c", "expected CLUSTER/NAMESPACE/POD/CONTAINER"),
        ("deployment.apps/web", "a workload is not a pod"),
        ("web-*", "names here are exact"),
        ("shop/", "not the name of a pod"),
        ("NAME READY", "not the name of a pod"),
    ],
)
def test_a_bad_line_is_told_with_its_number_and_text(line: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_given(["web-1", "", line], "odd.txt")
    assert str(caught.value).startswith("odd.txt, line 3: ")
    assert says in str(caught.value)
    assert repr(line) in str(caught.value)


def test_samples() -> None:
    assert parse_sample("5", 7) == Sample(5, SamplePer.ALL, 7)
    assert parse_sample("1/workload", 7) == Sample(1, SamplePer.WORKLOAD, 7)
    assert parse_sample("2/image", 7).per is SamplePer.IMAGE
    assert parse_sample("2/node", 7).per is SamplePer.NODE
    for text in ("", "0", "-1", "x", "5/", "5/all", "5/pod", "5/node/x", "1.5", "٣"):
        with pytest.raises(UsageError, match=r"^--sample "):
            parse_sample(text, 7)
