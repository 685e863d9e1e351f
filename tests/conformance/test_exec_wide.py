"""Many pods at once: 200 real ones against kubectl, 2,000 hollow ones whose acts are known, each outcome right.

Late in the suite: their going keeps the nodes busy.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from support.places import BIN, Done, Place, eventually
from support.rig import rig

pytestmark = pytest.mark.on("real", only=("real-a",))

COUNT = 200
ACTS = "drop=20,exit-3=40,refuse=10,missing=10,drip=20,stall=2"
#: what each act is, told by podium: outcome, exit code, reason
TOLD: Mapping[str, tuple[str, int | None, str | None]] = {
    "ok": ("succeeded", 0, None),
    "drip": ("succeeded", 0, None),
    "exit-3": ("failed", 3, None),
    "missing": ("rejected", None, "no such executable"),
    "drop": ("lost", None, "connection broken"),
    "stall": ("timed_out", None, "timeout"),
}


@pytest.fixture(scope="module")
def crowd(place: Place) -> Iterator[list[str]]:
    """200 pods on two real nodes, all ready; their names."""
    spec = {
        "terminationGracePeriodSeconds": 0,
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
        "containers": [
            {
                "name": "main",
                "image": "podium.test/busybox:1",
                "imagePullPolicy": "Never",
                "command": ["sleep", "100000"],
            }
        ],
    }
    template = {"metadata": {"labels": {"app": "crowd"}}, "spec": spec}
    body = {"replicas": COUNT, "selector": {"matchLabels": {"app": "crowd"}}, "template": template}
    made = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "crowd"}, "spec": body}
    done = place.kubectl("apply", "-f", "-", stdin=json.dumps(made).encode())
    assert done.code == 0, done.err
    done = place.kubectl("rollout", "status", "deployment/crowd", "--timeout=100s", timeout=110)
    assert done.code == 0, done.err
    yield [pod["metadata"]["name"] for pod in place.get("pods", "-l", "app=crowd")["items"]]
    place.kubectl("delete", "deployment", "crowd", "--wait=false")


def test_200_pods_answer_as_they_answer_kubectl(place: Place, crowd: list[str]) -> None:
    script = ("--", "sh", "-c", "hostname; hostname >&2; exit $(( $(hostname | wc -c) % 2 * 7 ))")
    # some of them end 7, maybe all: that is no reason to stop here
    result = place.exec("-l", "app=crowd", "--max-failures", "100%", *script)
    ours = {t["pod"]: (t["exit_code"], t["stdout"], t["stderr"]) for t in result["targets"]}
    assert sorted(ours) == sorted(crowd)
    assert all(stdout == stderr == f"{pod}\n" for pod, (_, stdout, stderr) in ours.items())
    sample = sorted(crowd)[::10]
    with ThreadPoolExecutor(4) as pool:
        theirs = dict(zip(sample, pool.map(lambda pod: place.kubectl("exec", pod, *script), sample), strict=True))
    assert {pod: ours[pod] for pod in sample} == {
        pod: (done.code, done.out, done.err.partition("command terminated")[0]) for pod, done in theirs.items()
    }


def test_pitfall_32_at_most_8_at_once_on_a_node_and_a_burst_is_right(place: Place, crowd: list[str]) -> None:
    done = place.podium("exec", "-l", "app=crowd", "-o", "jsonl", "--", "sleep", "0.3")
    assert done.code == 0, done.err
    peaks = peak_per_node([json.loads(line) for line in done.out.splitlines()])
    assert len(peaks) == 2
    assert max(peaks.values()) <= 8
    burst = place.exec("-l", "app=crowd", "--concurrency", "256", "--max-per-node", "256", "--", "hostname")
    assert {(t["outcome"], t["stdout"] == f"{t['pod']}\n") for t in burst["targets"]} == {("succeeded", True)}
    assert len(burst["targets"]) == COUNT


def peak_per_node(events: list[dict[str, Any]]) -> dict[str, int]:
    """How many were in flight on each node at most; at one moment ends count before starts."""
    moments: dict[str, list[tuple[float, int]]] = {}
    for event in events:
        if event["event"] in {"started", "finished"}:
            moments.setdefault(event["node"], []).append((event["at"], 1 if event["event"] == "started" else -1))
    peaks = {}
    for node, changes in moments.items():
        changes.sort()
        assert all(before[0] <= after[0] for before, after in pairwise(changes))
        count = peaks[node] = 0
        for _, change in changes:
            count += change
            peaks[node] = max(peaks[node], count)
    return peaks


@pytest.fixture(scope="module")
def hollow(place: Place) -> dict[str, str]:
    """2,000 pods without containers behind the real API server; each one's act."""
    rig("hollow", "up", "--pods", "2000", "--nodes", "20", "--acts", ACTS)
    template = "jsonpath={range .items[*]}{.metadata.name} {.metadata.labels.act}{'\\n'}{end}"
    listed = kubectl(place, "get", "pods", "-l", "app=hollow", "-o", template)
    acts = dict(line.split() for line in listed.out.splitlines())
    assert len(acts) == 2000, listed.err
    return acts


def kubectl(place: Place, *argv: str) -> Done:
    """Run kubectl in the hollow pods' namespace."""
    return place.run((str(BIN / "kubectl"), "--context", place.context, "-n", "hollow", *argv))


def test_2000_hollow_pods_each_end_as_they_act(place: Place, hollow: dict[str, str]) -> None:
    rig("hollow", "ledger", "--reset")
    result = place.exec("-n", "hollow", "-l", "app=hollow", "--timeout", "10s", "--", "act", timeout=110)
    assert len(result["targets"]) == 2000
    ledger = json.loads(rig("hollow", "ledger"))
    told = {t["pod"]: (t["outcome"], t["exit_code"], t["reason"]) for t in result["targets"]}
    wrong = {pod: (act, told[pod]) for pod, act in hollow.items() if act in TOLD and told[pod] != TOLD[act]}
    assert wrong == {}
    refused = {told[pod][:2] for pod, act in hollow.items() if act == "refuse"}
    assert refused <= {("rejected", None), ("lost", None)}, Counter(told.values())
    # kubectl speaks v5, and takes what the translator makes of the drop for the command's own end
    dropped = next(pod for pod, act in hollow.items() if act == "drop")
    assert kubectl(place, "exec", dropped, "--", "act").code == 0
    assert result["exit_status"] == 1
    assert result["counts"]["succeeded"] == sum(act in {"ok", "drip"} for act in hollow.values())
    # what the nodes themselves had counted by then: no command ran twice, none ran that was rejected
    starts = {pod.rpartition("/")[2]: count for pod, count in ledger["starts"].items()}
    assert set(starts.values()) <= {1}
    began = {pod for pod, (outcome, _, _) in told.items() if outcome in {"succeeded", "failed", "timed_out"}}
    assert began <= set(starts)
    assert not {pod for pod, act in hollow.items() if act == "refuse"} & set(starts)
    eventually(lambda: json.loads(rig("hollow", "ledger"))["active"] <= 2, 30)
