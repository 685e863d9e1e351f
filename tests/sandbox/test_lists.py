"""Lists: pages, continue tokens, selectors, Tables; refusals in the words of a real 1.36.3 cluster."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import pytest

from podium.sandbox import Sandbox, Settings, serve
from podium.sandbox.world.pods import Pod, State
from sandbox.clients import Client

PODS = "/api/v1/pods"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def names(reply: object) -> list[str]:
    return [f"{item['metadata']['namespace']}/{item['metadata']['name']}" for item in reply.json["items"]]  # type: ignore[attr-defined]


async def test_pages_give_every_pod_once_and_one_revision(client: Client, sandbox: Sandbox) -> None:
    whole = await client.ask(PODS)
    found: list[str] = []
    token, revisions, left = "", set(), []
    while True:
        reply = await client.ask(f"{PODS}?limit=7&continue={token}")
        meta = reply.json["metadata"]
        found += names(reply)
        revisions.add(meta["resourceVersion"])
        left.append(meta.get("remainingItemCount"))
        token = meta.get("continue", "")
        if not token:
            break
    assert found == names(whole) == sorted(found)
    assert len(found) == 60
    assert len(revisions) == 1
    assert left == [53, 46, 39, 32, 25, 18, 11, 4, None]


async def test_pages_show_the_moment_of_the_first(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    first = (await client.ask(f"{PODS}?limit=50")).json
    sandbox.world.vanish(pod.namespace, pod.name)
    sandbox.world.add_pods("shop", "late", 3)
    rest = await client.ask(f"{PODS}?limit=50&continue={first['metadata']['continue']}")
    assert len(first["items"]) + len(rest.json["items"]) == 60
    assert rest.json["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_a_compacted_token_is_410_with_a_token_to_go_on(client: Client, sandbox: Sandbox) -> None:
    first = (await client.ask(f"{PODS}?limit=50")).json
    sandbox.fleet.store.forget()
    reply = await client.ask(f"{PODS}?limit=50&continue={first['metadata']['continue']}")
    assert (reply.status, reply.json["reason"]) == (410, "Expired")
    assert reply.message.startswith("The provided continue parameter is too old to display a consistent list result.")
    again = await client.ask(f"{PODS}?limit=50&continue={reply.json['metadata']['continue']}")
    assert len(again.json["items"]) == 10


async def test_a_token_grows_old() -> None:
    async with serve(Settings(continue_seconds=0.0)) as sandbox:
        client = Client(sandbox)
        token = (await client.ask(f"{PODS}?limit=5")).json["metadata"]["continue"]
        assert (await client.ask(f"{PODS}?limit=5&continue={token}")).status == 410


@pytest.mark.parametrize(
    ("selector", "workloads"),
    [
        ("app=web", {"web"}),
        ("app==web,tier!=back", {"web"}),
        ("app in (web,cart)", {"web", "cart"}),
        ("app notin (web, cart, api)", {"postgres", "agent"}),
        ("tier", {"web", "cart", "api"}),
        ("!tier", {"postgres", "agent"}),
        ("app in (web),tier in (front)", {"web"}),
        ("app notin ()", {"web", "cart", "api", "postgres", "agent"}),
        ("app=", set()),
    ],
)
async def test_label_selectors(client: Client, sandbox: Sandbox, selector: str, workloads: set[str]) -> None:
    reply = await client.ask(f"{PODS}?labelSelector={quote(selector)}")
    wanted = {f"{pod.namespace}/{pod.name}" for pod in sandbox.pods if pod.template.workload in workloads}
    assert set(names(reply)) == wanted


async def test_numbers_compare(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    sandbox.world.set_labels(pod.namespace, pod.name, {"shard": "12"})
    for selector, count in (("shard>11", 1), ("shard>12", 0), ("shard<13", 1), ("shard<12", 0)):
        assert len((await client.ask(f"{PODS}?labelSelector={quote(selector)}")).json["items"]) == count


async def test_field_selectors(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    other = sandbox.pods[0]
    sandbox.world.set_state(other.namespace, other.name, State.PENDING)

    async def count(selector: str) -> int:
        return len((await client.ask(f"{PODS}?fieldSelector={quote(selector)}")).json["items"])

    assert await count(f"metadata.name={pod.name}") == 1
    assert await count("status.phase!=Running") == 1
    on_node = sum(1 for one in sandbox.pods if one.node == "node-2")
    assert await count("spec.nodeName=node-2") == on_node > 0
    assert await count("metadata.namespace=shop,spec.nodeName!=node-2") == sum(
        1 for one in sandbox.pods if one.namespace == "shop" and one.node != "node-2"
    )


VALID_LABEL = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start"
)
NOT_KNOWN = '"spec.foo" is not a known field selector: only "metadata.name", "metadata.namespace"'


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/api/v1/pods?fieldSelector=spec.foo%3D1", 400, "field label not supported: spec.foo"),
        ("/api/v1/namespaces?fieldSelector=spec.foo%3D1", 400, "field label not supported: spec.foo"),
        ("/apis/apps/v1/deployments?fieldSelector=spec.foo%3D1", 400, NOT_KNOWN),
        ("/api/v1/pods?fieldSelector=foo", 400, "invalid selector: 'foo'; can't understand 'foo'"),
        ("/api/v1/pods?labelSelector=a%3D%2C%3Db", 400, "found '=', expected: identifier after ','"),
        ("/api/v1/pods?labelSelector=a%20in", 400, "unable to parse requirement: found '' expected: '('"),
        ("/api/v1/pods?labelSelector=a%3Db%20c", 400, "found 'c', expected: ',' or 'end of string'"),
        ("/api/v1/pods?labelSelector=%3Da", 400, "found '=', expected: !, identifier, or 'end of string'"),
        (
            "/api/v1/pods?labelSelector=a%3Ex",
            400,
            (
                "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value "
                "must be an integer"
            ),
        ),
        ("/api/v1/pods?limit=x", 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
        (
            "/api/v1/pods?resourceVersion=x",
            400,
            (
                'invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": '
                "invalid syntax"
            ),
        ),
        (
            "/api/v1/pods?resourceVersion=5&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhXHUwMDAwIn0",
            400,
            "specifying resource version is not allowed when using continue",
        ),
        (
            "/api/v1/pods?resourceVersion=1&resourceVersionMatch=Exact",
            410,
            "The resourceVersion for the provided list is too old.",
        ),
        ("/api/v1/nope", 404, "the server could not find the requested resource"),
        ("/api/v1/namespaces/x/pods/nope", 404, 'pods "nope" not found'),
        ("/apis/apps/v1/namespaces/x/deployments/nope", 404, 'deployments.apps "nope" not found'),
    ],
)
async def test_refusals_in_the_api_servers_words(client: Client, path: str, status: int, message: str) -> None:
    reply = await client.ask(path)
    assert (reply.status, reply.message) == (status, message)
    assert reply.json["kind"] == "Status"
    assert reply.json["code"] == status


async def test_a_bad_label_value_is_told_as_apimachinery_does(client: Client) -> None:
    message = (await client.ask(f"{PODS}?labelSelector=a%3D-b")).message
    assert message.startswith(f'unable to parse requirement: values[0][a]: Invalid value: "-b": {VALID_LABEL}')


async def test_a_revision_from_the_future_is_a_504(client: Client) -> None:
    reply = await client.ask(f"{PODS}?resourceVersion=99999999")
    assert (reply.status, reply.json["reason"], reply.headers["retry-after"]) == (504, "Timeout", "1")


async def test_paths_that_are_no_api_are_plain_404s(client: Client) -> None:
    for path in ("/nope", "/apis/nope/v1/x"):
        reply = await client.ask(path)
        assert (reply.status, reply.body) == (404, b"404 page not found\n")


async def test_a_table_has_a_row_a_pod_and_its_metadata(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    sandbox.world.set_state(pod.namespace, pod.name, State.CRASH_LOOP)
    path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"
    table = (await client.ask(path, headers={"Accept": TABLE})).json
    cells = dict(zip([column["name"] for column in table["columnDefinitions"]], table["rows"][0]["cells"], strict=True))
    assert (cells["Name"], cells["Ready"], cells["Status"]) == (pod.name, "0/1", "CrashLoopBackOff")
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    refused = await client.ask(path, headers={"Accept": "application/yaml2"})
    assert (refused.status, refused.json["reason"]) == (406, "NotAcceptable")


async def test_workloads_own_their_pods_by_revision(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    body = (await client.ask(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}")).json
    owner = body["metadata"]["ownerReferences"][0]
    replica_set = (await client.ask(f"/apis/apps/v1/namespaces/shop/replicasets/{owner['name']}")).json
    assert replica_set["metadata"]["uid"] == owner["uid"]
    assert replica_set["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "42"
    above = replica_set["metadata"]["ownerReferences"][0]
    deployment = (await client.ask("/apis/apps/v1/namespaces/shop/deployments/web")).json
    assert (above["name"], above["uid"]) == ("web", deployment["metadata"]["uid"])
    assert deployment["status"]["readyReplicas"] == replica_set["status"]["readyReplicas"]


async def test_sets_and_daemons_have_a_history_that_their_pods_name(client: Client, sandbox: Sandbox) -> None:
    listed = (await client.ask("/apis/apps/v1/controllerrevisions")).json["items"]
    made = {item["metadata"]["ownerReferences"][0]["kind"]: item for item in listed}
    assert set(made) == {"StatefulSet", "DaemonSet"}
    for kind, item in made.items():
        meta, owner = item["metadata"], item["metadata"]["ownerReferences"][0]
        plural = f"{kind.lower()}s"
        above = (await client.ask(f"/apis/apps/v1/namespaces/{meta['namespace']}/{plural}/{owner['name']}")).json
        assert above["metadata"]["uid"] == owner["uid"]
        pods = [
            pod
            for pod in sandbox.pods
            if pod.namespace == meta["namespace"] and pod.template.owner and pod.template.owner.uid == owner["uid"]
        ]
        name = meta["name"] if kind == "StatefulSet" else meta["labels"]["controller-revision-hash"]
        assert name in {pod.labels["controller-revision-hash"] for pod in pods}
        assert item["revision"] >= 1
    table = (await client.ask("/apis/apps/v1/controllerrevisions", headers={"Accept": TABLE})).json
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Controller", "Revision", "Age"]


async def test_answers_are_dated_as_a_real_servers(client: Client) -> None:
    for path in ("/version", "/api/v1/pods", "/nosuch"):
        dated = parsedate_to_datetime((await client.ask(path)).headers["date"]).timestamp()
        assert abs(time.time() - dated) < 60


async def test_equal_seeds_make_equal_fleets_and_the_cluster_has_one_uid() -> None:
    uids = []
    for seed in (3, 3, 4):
        async with serve(Settings(seed=seed)) as sandbox:
            space = (await Client(sandbox).ask("/api/v1/namespaces/kube-system")).json
            assert space["metadata"]["uid"] == sandbox.cluster_uid
            uids.append((sandbox.cluster_uid, [pod.name for pod in sandbox.pods]))
    assert uids[0] == uids[1] != uids[2]


async def test_leases_are_renewed_while_a_node_is_well(client: Client, sandbox: Sandbox) -> None:
    sandbox.world.set_node_ready("node-1", ready=False)
    nodes = (await client.ask("/api/v1/nodes")).json["items"]
    ready = Counter(one["status"] for node in nodes for one in node["status"]["conditions"] if one["type"] == "Ready")
    assert ready == {"True": 5, "Unknown": 1}
    leases = (await client.ask("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases")).json["items"]
    ages = {lease["metadata"]["name"]: time.time() - renewed_at(lease) for lease in leases}
    assert [name for name, age in ages.items() if age > 40] == ["node-1"]
    assert len(ages) == 6


def renewed_at(lease: dict[str, dict[str, str]]) -> float:
    return datetime.fromisoformat(lease["spec"]["renewTime"]).timestamp()


async def test_a_node_that_begins_not_ready_has_an_old_lease() -> None:
    async with serve(Settings(scenario="incident")) as sandbox:
        leases = (await Client(sandbox).ask("/apis/coordination.k8s.io/v1/leases")).json["items"]
        assert [lease["metadata"]["name"] for lease in leases if time.time() - renewed_at(lease) > 40] == ["node-6"]
