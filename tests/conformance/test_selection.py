"""What a selection picks is what kubectl picks: labels, fields, workloads, globs; whole lists, or an honest lack."""

from __future__ import annotations

import fnmatch
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from podium.sandbox import Settings
from support.places import BIN, Done, Place, eventually
from support.realms import (
    HOLLOW,
    KUBECTL,
    RIG,
    Grant,
    RealRealm,
    SandboxRealm,
    cluster_command,
    manifest,
    real_realm,
    sandbox_realm,
    sleeping,
)

pytestmark = pytest.mark.on("sandbox", "real")
ON_REAL = pytest.param("real-a", marks=pytest.mark.cluster)


@dataclass(frozen=True)
class Crowd:
    """More pods than one page of a list, and what tells them apart."""

    place: Place
    key: str  #: a label that all have
    values: tuple[str, ...]  #: three of its values
    odd: str  #: a label that all have with one value, or some only
    count: int

    @property
    def some(self) -> str:
        """The name of one pod."""
        return self.expected("-l", f"{self.key}={self.values[0]}")[0].removeprefix("pod/")

    def picked(self, *argv: str) -> list[str]:
        """What podium picks, as kubectl would print it."""
        done = self.place.podium("targets", "-o", "name", *argv)
        assert done.code in (0, 3), done.err
        return sorted({"pod/" + line.split("/")[2] for line in done.out.splitlines()})

    def expected(self, *argv: str) -> list[str]:
        """What kubectl picks."""
        done = self.place.kubectl("get", "pods", "-o", "name", *argv)
        assert done.code == 0, done.err
        return sorted(done.out.split())


@pytest.fixture(scope="module", params=["sandbox", ON_REAL])
def crowd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """Hundreds of pods in one namespace: of the sandbox, or the rig's hollow ones."""
    home = tmp_path_factory.mktemp("home")
    if request.param == "real-a":
        cluster_command("hollow", "up", *HOLLOW)
        place = Place("real-a", RIG / "kubeconfig", "rig-a", "hollow", home)
        yield Crowd(place, "act", ("exit-3", "drop", "missing"), "app", 2000)
        return
    with sandbox_process(home, "--pods", "1300") as place:
        count = len(place.kubectl("get", "pods", "-o", "name").out.split())
        assert count > 500, "more than one page of a list"
        yield Crowd(place, "app", ("web", "cart", "none"), "tier", count)


@contextmanager
def sandbox_process(home: Path, *flags: str, namespace: str = "shop") -> Iterator[Place]:
    """A sandbox in a process of its own."""
    kubeconfig = home / "kubeconfig"
    command = [str(BIN / "podium"), "sandbox", *flags, "--write-kubeconfig", str(kubeconfig)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: kubeconfig.exists() or process.poll() is not None, 30)
        yield Place("sandbox", kubeconfig, "podium-sandbox", namespace, home)
    finally:
        process.terminate()
        process.wait(20)


LABELS = (
    "{key}={one}",
    "{key}!={one}",
    "{key}=={one},{odd}",
    "{key} in ({one},{two})",
    "{key} notin ({one},{two}),{odd}",
    "!{key}",
    "{key}>7",
)


@pytest.mark.parametrize("template", LABELS)
def test_labels_pick_what_kubectl_picks(crowd: Crowd, template: str) -> None:
    selector = template.format(key=crowd.key, one=crowd.values[0], two=crowd.values[1], odd=crowd.odd)
    assert crowd.picked("-l", selector) == crowd.expected("-l", selector)


def test_selectors_unite_and_kinds_intersect(crowd: Crowd) -> None:
    one, two, _ = (f"{crowd.key}={value}" for value in crowd.values)
    both = sorted({*crowd.expected("-l", one), *crowd.expected("-l", two)})
    assert crowd.picked("-l", one, "-l", two) == both
    name = both[0].removeprefix("pod/")
    assert crowd.picked("-l", one, "-l", two, "--field-selector", f"metadata.name={name}") == [f"pod/{name}"]


@pytest.mark.parametrize("bad", ["a=b=c", "a in (", "a b"])
def test_a_bad_label_selector_is_exit_2_where_kubectl_refuses_it(crowd: Crowd, bad: str) -> None:
    ours = crowd.place.podium("targets", "-l", bad)
    assert crowd.place.kubectl("get", "pods", "-l", bad).code == 1
    assert ours.code == 2
    assert bad in ours.err


def test_fields_pick_what_kubectl_picks(crowd: Crowd) -> None:
    node = crowd.place.get("pod", crowd.some)["spec"]["nodeName"]
    for selector in (f"spec.nodeName={node}", f"spec.nodeName!={node},status.phase=Running", "status.phase!=Running"):
        assert crowd.picked("--field-selector", selector) == crowd.expected("--field-selector", selector), selector


def test_a_bad_field_selector_is_exit_2_in_the_servers_words(crowd: Crowd) -> None:
    ours = crowd.place.podium("targets", "--field-selector", "spec.colour=red")
    theirs = crowd.place.kubectl("get", "pods", "--field-selector", "spec.colour=red")
    assert (ours.code, theirs.code) == (2, 1)
    told = "field label not supported: spec.colour"
    assert told in theirs.err
    assert told in ours.err


def test_pitfall_34_a_list_longer_than_a_page_is_whole(crowd: Crowd) -> None:
    """More than 500 pods: pages by `continue`; no GET for any pod, which the next test counts."""
    picked = crowd.picked()
    assert len(picked) == crowd.count
    assert picked == crowd.expected()


def test_globs_and_exclusions_pick_whole_names(crowd: Crowd) -> None:
    names = [one.removeprefix("pod/") for one in crowd.expected()]
    glob = f"{names[0][:-1]}?"
    assert crowd.picked(glob) == [f"pod/{one}" for one in names if fnmatch.fnmatchcase(one, glob)]
    some = f"{names[0][:-2]}*"
    without = [f"pod/{one}" for one in names if not fnmatch.fnmatchcase(one, some)]
    assert crowd.picked("--all", "-x", some) == without


@pytest.fixture(scope="module", params=["sandbox", ON_REAL])
def workloads(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One of each kind of workload: deployment/web, statefulset/db, daemonset/agent, cronjob/nightly, service/web."""
    home = tmp_path_factory.mktemp("home")
    if request.param == "real-a":
        with real_realm("real-a", home, WORKLOADS) as realm:
            words = ("create", "job", "--from=cronjob/nightly", "nightly-1")
            assert realm.place.kubectl(*words).code == 0
            eventually(lambda: len(running(realm.place)) == 2 + 1 + 2 + 1 + 1, 60)
            yield realm.place
        return
    scenario = home / "scenario.toml"
    scenario.write_text(SCENARIO)
    with sandbox_process(home, "--scenario", str(scenario), "--pods", "12", namespace="own") as place:
        yield place


def running(place: Place) -> list[dict[str, Any]]:
    return [pod for pod in place.get("pods")["items"] if pod["status"]["phase"] == "Running"]


def spec(app: str) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": app}}, "spec": sleeping(app, app)["spec"]}


def workload(kind: str, name: str, **more: object) -> dict[str, Any]:
    common = {"selector": {"matchLabels": {"app": name}}, "template": spec(name)}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": {**common, **more}}


ONCE = {"template": {"spec": {**sleeping("x", "x")["spec"], "restartPolicy": "Never"}}}
WORKLOADS = manifest(
    workload("Deployment", "web", replicas=2),
    workload("StatefulSet", "db", replicas=1, serviceName="db"),
    workload("DaemonSet", "agent", updateStrategy={"type": "OnDelete"}),
    {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"}, "spec": ONCE},
    {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "nightly"},
        "spec": {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": {"spec": ONCE}},
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    },
)
SCENARIO = """
[[workload]]
kind = "Deployment"
namespace = "own"
name = "web"
count = 2
labels = { app = "web" }
containers = [{ name = "main", image = "registry.example/web:1", port = 80 }]
[[workload]]
kind = "StatefulSet"
namespace = "own"
name = "db"
count = 1
labels = { app = "db" }
containers = [{ name = "main", image = "registry.example/db:1" }]
[[workload]]
kind = "DaemonSet"
namespace = "own"
name = "agent"
labels = { app = "agent" }
containers = [{ name = "main", image = "registry.example/agent:1" }]
[[workload]]
kind = "Job"
namespace = "own"
name = "once"
count = 1
containers = [{ name = "main", image = "registry.example/once:1" }]
[[workload]]
kind = "CronJob"
namespace = "own"
name = "nightly"
count = 1
containers = [{ name = "main", image = "registry.example/nightly:1" }]
"""


def owned(place: Place, kind: str, name: str) -> set[str]:
    """The pods below a workload, by following owners up: the oracle."""
    objects = place.get("pods,replicasets,jobs")["items"]
    owners = {
        (one["kind"], one["metadata"]["name"]): {
            (each["kind"], each["name"]) for each in one["metadata"].get("ownerReferences", [])
        }
        for one in objects
    }

    def is_below(key: tuple[str, str]) -> bool:
        return key == (kind, name) or any(is_below(up) for up in owners.get(key, ()))

    return {name for kind, name in owners if kind == "Pod" and is_below(("Pod", name))}


@pytest.mark.parametrize(
    ("word", "kind", "name"),
    [
        ("deploy/web", "Deployment", "web"),
        ("statefulset/db", "StatefulSet", "db"),
        ("ds/agent", "DaemonSet", "agent"),
        ("job/once", "Job", "once"),
        pytest.param("cronjob/nightly", "CronJob", "nightly", id="cronjob"),
        ("svc/web", "Deployment", "web"),
    ],
)
def test_workload_words_pick_their_pods(workloads: Place, word: str, kind: str, name: str) -> None:
    if kind == "CronJob" and not workloads.is_real:
        pytest.skip("the sandbox's cron jobs have not run yet: they have no jobs")
    done = workloads.podium("targets", word, "-o", "json", "--left-out")
    assert done.code in (0, 3), done.err
    picked = {one["pod"] for one in (*done.json["targets"], *done.json["left_out"])}
    expected = owned(workloads, kind, name)
    assert expected, "the oracle sees pods"
    assert picked == expected


def test_a_workload_that_is_not_there_is_named(workloads: Place) -> None:
    done = workloads.podium("targets", "deploy/wbe")
    assert done.code == 3
    assert "deploy/wbe" in done.err


Master = RealRealm | SandboxRealm


@pytest.fixture(scope="module", params=["sandbox", ON_REAL, pytest.param("real-b", marks=pytest.mark.cluster)])
def realm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Master]:
    """A cluster of which we are master, with one pod in a namespace of our own."""
    home = tmp_path_factory.mktemp("home")
    if request.param == "sandbox":
        with sandbox_realm(home, Settings(pods=0), "own") as made:
            made.call(lambda: made.sandbox.world.add_pod("own", "p0", containers=("main",)))
            yield made
        return
    with real_realm(request.param, home, manifest(sleeping("p0", "p"))) as real:
        yield real


def test_a_forbidden_cluster_list_becomes_namespaces_one_by_one(realm: Master) -> None:
    own = realm.place.namespace
    user = realm.account("walker", Grant("pods", ("list",), own), Grant("namespaces", ("list",)))
    done = user.podium("targets", "-A", "-o", "json")
    assert {(one["namespace"], one["pod"]) for one in done.json["targets"]} == {(own, "p0")}
    forbidden = {one["namespace"] for one in done.json["unreached"] if one["reason"] == "forbidden"}
    everywhere = {one["metadata"]["name"] for one in realm.place.get("namespaces")["items"]}
    assert "kube-system" in forbidden
    assert forbidden <= everywhere - {own}
    assert done.code == 1
    assert not done.json["complete"]


def test_without_the_list_of_namespaces_the_contexts_own_is_asked_and_n_is_named(realm: Master) -> None:
    own = realm.place.namespace
    user = realm.account("narrow", Grant("pods", ("list",), own))
    done = user.podium("targets", "-A", "-o", "json")
    assert {(one["namespace"], one["pod"]) for one in done.json["targets"]} == {(own, "p0")}
    assert done.code == 1
    (lack,) = done.json["unreached"]
    assert lack["reason"] == "forbidden"
    assert "with -n" in lack["detail"]
    assert f"only {own}" in lack["detail"]
    assert user.kubectl("get", "pods", "-A").code == 1


def test_without_any_right_to_list_it_is_exit_4_and_n_is_named(realm: Master) -> None:
    user = realm.account("blind")
    done = user.podium("targets", "-A")
    assert done.code == 4
    assert "-n" in done.err
    assert 'cannot list resource "pods"' in done.err


@pytest.mark.cluster
def test_several_contexts_in_one_run(contexts: Place) -> None:
    done = contexts.podium("exec", "--context", "rig-?", "--all", "-o", "json", "--", "hostname")
    assert done.code == 0, done.err
    assert {(one["cluster"], one["stdout"]) for one in done.json["targets"]} == {("rig-a", "p0\n"), ("rig-b", "p0\n")}


@pytest.mark.cluster
def test_two_contexts_of_one_cluster_are_refused(contexts: Place) -> None:
    done = contexts.podium("exec", "--context", "rig-a", "--context", "rig-again", "--all", "--", "hostname")
    assert done.code == 2
    assert "rig-a" in done.err
    assert "rig-again" in done.err


@pytest.mark.cluster
def test_an_unreachable_context_is_told_while_the_rest_goes_on(contexts: Place) -> None:
    chosen = ("--context", "rig-a", "--context", "rig-b", "--context", "nowhere")
    done = contexts.podium("exec", *chosen, "--all", "-o", "json", "--", "hostname")
    assert {one["outcome"] for one in done.json["targets"]} == {"succeeded"}
    assert [(one["cluster"], one["reason"]) for one in done.json["unreached"]] == [("nowhere", "unreachable")]
    assert not done.json["complete"]
    assert done.code == 1


@pytest.mark.cluster
def test_with_all_contexts_unreachable_it_is_exit_4(contexts: Place) -> None:
    for chosen in (("nowhere",), ("nowhere", "neither")):
        words = [word for one in chosen for word in ("--context", one)]
        done = contexts.podium("exec", *words, "--all", "--", "hostname")
        assert done.code == 4, done.err
        assert "127.0.0.1:9" in done.err


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A pod on both clusters, a second context of A, and two contexts of no cluster."""
    home = tmp_path_factory.mktemp("home")
    pods = manifest(sleeping("p0", "p"))
    with real_realm("real-a", home) as a:
        config = yaml.safe_load(a.place.kubeconfig.read_text())
        config["clusters"].append({"name": "dead", "cluster": {"server": "https://127.0.0.1:9"}})
        admin = next(one["context"]["user"] for one in config["contexts"] if one["name"] == "rig-a")
        config["contexts"] += [
            {"name": name, "context": {"cluster": cluster, "user": admin}}
            for name, cluster in (("rig-again", "rig-a"), ("nowhere", "dead"), ("neither", "dead"))
        ]
        path = home / "several"
        path.write_text(json.dumps(config))
        namespace = a.place.namespace
        b = replace(a.place, name="real-b", context="rig-b")
        assert run(b, "create", "namespace", namespace).code == 0
        try:
            for one in (a.place, b):
                eventually(lambda one=one: one.kubectl("get", "serviceaccount", "default").code == 0)  # type: ignore[misc]
                assert one.kubectl("apply", "-f", "-", stdin=pods.encode()).code == 0
            for one in (a.place, b):
                assert one.kubectl("wait", "--for=condition=Ready", "pod/p0", "--timeout=90s").code == 0
            yield replace(a.place, kubeconfig=path)
        finally:
            run(b, "delete", "namespace", namespace, "--wait=false")


def run(place: Place, *words: str) -> Done:
    return place.run((KUBECTL, "--context", place.context, *words))
