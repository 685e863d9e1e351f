"""Scenarios: the shares, the incident's oddities, own files, and errors that say where."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from podium.sandbox import Settings, serve
from podium.sandbox.faults.grammar import Kind
from podium.sandbox.world.pods import State
from podium.sandbox.world.scenario import ScenarioError
from sandbox.clients import Client


@pytest.mark.parametrize("count", [1, 6, 7, 60, 1000])
async def test_the_default_fleet_is_healthy_and_of_the_size_asked(count: int) -> None:
    async with serve(Settings(pods=count, seed=1)) as sandbox:
        assert len(sandbox.pods) == count
        assert {pod.trouble.state for pod in sandbox.pods} == {State.RUNNING}
        if count >= 60:
            assert len({pod.namespace for pod in sandbox.pods}) == 4
            assert len({pod.node for pod in sandbox.pods}) == 6
        assert len({pod.uid for pod in sandbox.pods}) == count
        assert len({pod.address for pod in sandbox.pods}) == count


@pytest.mark.parametrize("count", [60, 1200])
async def test_the_incident_has_its_odd_pods(count: int) -> None:
    async with serve(Settings(pods=count, seed=1, scenario="incident", dial_timeout=0.1)) as sandbox:
        web = [pod for pod in sandbox.pods if pod.namespace == "shop" and pod.template.workload == "web"]
        states = Counter(pod.trouble.state for pod in web)
        assert states[State.CRASH_LOOP] >= 3
        assert states[State.IMAGE_PULL] >= 1
        assert sum(1 for pod in web if pod.template.rollout == 41) >= 2
        assert sum(1 for pod in web if pod.template.containers[0].image.endswith("-slim")) == 2
        pools = {node.name: node.labels["pool"] for node in sandbox.fleet.nodes}
        assert {pools[pod.node] for pod in web if pod.trouble.state is State.CRASH_LOOP} == {"c"}
        assert all(pools[pod.node] != "c" for pod in web if pod.trouble.state is not State.CRASH_LOOP)
        zones = {node.name: node.labels["topology.kubernetes.io/zone"] for node in sandbox.fleet.nodes}
        assert len({zones[name] for name, pool in pools.items() if pool == "c"}) > 1
        everywhere = Counter(pod.trouble.state for pod in sandbox.pods)
        assert min(everywhere[state] for state in (State.COMPLETED, State.EVICTED, State.PENDING)) >= 1
        client = Client(sandbox)
        answers: Counter[bytes] = Counter()
        rejected = 0
        for pod in web:
            if pod.template.rollout == 41 or pod.template.containers[0].image.endswith("-slim"):
                ended = await client.exec(pod, ["cat", "/app/REVISION"])
                answers[ended.stdout] += 1
                rejected += ended.status is not None and "not found in $PATH" in ended.status.get("message", "")
        assert answers == {b"4.2.0\n": sum(1 for pod in web if pod.template.rollout == 41), b"": 2}
        assert rejected == 2
        assert sum(1 for one in sandbox.faults.planted.values() if one.fault.kind is Kind.EMPTY_END) == 1


OWN = """
[[image]]
match = "*/tool:*"
base = "debian"
files = { "/etc/tool.conf" = "mode {tag}\\n" }
[[program]]
name = "tool"
images = "*/tool:*"
[[program.answer]]
args = ["status"]
stdout = "{pod} on {node}: {revision}\\n"
exit_code = 2
[[workload]]
namespace = "lab"
name = "tool"
revision = 5
containers = [{ name = "main", image = "r.example/tool:1.0" }]
[[workload.odd]]
share = 0.5
files = { "/etc/tool.conf" = "odd {pod}\\n" }
answers = { tool = [{ stdout = "odd\\n" }] }
"""


async def test_an_own_scenario_says_files_answers_and_oddities(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(OWN)
    async with serve(Settings(pods=4, seed=1, scenario=str(file))) as sandbox:
        client = Client(sandbox)
        seen: Counter[tuple[bytes, bytes, int | None]] = Counter()
        for pod in sandbox.pods:
            conf = await client.exec(pod, ["cat", "/etc/tool.conf"])
            ended = await client.exec(pod, ["tool", "status"])
            own = conf.stdout.replace(pod.name.encode(), b"POD"), ended.stdout.replace(pod.name.encode(), b"POD")
            seen[own[0], own[1].replace(pod.node.encode(), b"NODE"), ended.exit_code] += 1
        assert seen == {(b"mode 1.0\n", b"POD on NODE: 5\n", 2): 2, (b"odd POD\n", b"odd\n", 0): 2}
        unknown = await client.exec(sandbox.pods[-1], ["tool", "x"])
        assert unknown.exit_code in (0, 64)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = [", "own.toml: "),
        ("colour = 1", "own.toml: the top has no 'colour'; it takes extends, pool"),
        ("", "no [[workload]]"),
        ('[[workload]]\nkind = "Thing"\n', "'Thing' is not one of Deployment, StatefulSet"),
        ('[[workload]]\nname = "x"\n', "missing"),
        ('[[workload]]\nname = "x"\nnamespace="y"\ncontainers=[]\nodd=[{state="Sad"}]', "'Sad' is not one of Running"),
        ('[[pool]]\nnom = "x"\n', "[[pool]] has no 'nom'; it takes name, share"),
    ],
)
async def test_a_bad_scenario_says_where(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "own.toml"
    file.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        async with serve(Settings(scenario=str(file))):
            pass
    assert words in str(caught.value)


async def test_an_unknown_scenario_names_the_known() -> None:
    with pytest.raises(ScenarioError, match="no scenario 'nope': neither a file nor one of default, incident"):
        async with serve(Settings(scenario="nope")):
            pass


async def test_a_fleet_needs_a_node() -> None:
    with pytest.raises(ScenarioError, match="at least one node"):
        async with serve(Settings(node_count=0)):
            pass
