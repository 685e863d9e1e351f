"""Watches: changes, selectors, bookmarks, 410."""

from __future__ import annotations

import pytest

from podium.sandbox import Sandbox, Settings, serve
from podium.sandbox.world.pods import Pod, State
from sandbox.clients import Client, next_event, until

PODS = "/api/v1/pods"


async def revision(client: Client) -> str:
    return str((await client.ask(f"{PODS}?limit=1")).json["metadata"]["resourceVersion"])


async def test_changes_come_in_order_with_growing_revisions(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    async with client.watch(f"{PODS}?watch=1&resourceVersion={await revision(client)}") as events:
        sandbox.world.restart(pod.namespace, pod.name)
        sandbox.world.vanish(pod.namespace, pod.name)
        seen = [await next_event(events) for _ in range(3)]
    assert [event["type"] for event in seen] == ["MODIFIED", "DELETED", "ADDED"]
    revisions = [int(event["object"]["metadata"]["resourceVersion"]) for event in seen]
    assert revisions == sorted(set(revisions))
    assert seen[0]["object"]["status"]["containerStatuses"][0]["restartCount"] == 1
    assert seen[1]["object"]["metadata"]["uid"] == pod.uid
    assert seen[2]["object"]["metadata"]["ownerReferences"][0]["uid"] == pod.template.owner.uid  # type: ignore[union-attr]


async def test_changes_between_list_and_watch_are_not_lost(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    start = await revision(client)
    sandbox.world.set_state(pod.namespace, pod.name, State.NOT_READY)
    async with client.watch(f"{PODS}?watch=1&resourceVersion={start}") as events:
        assert (await next_event(events))["object"]["metadata"]["name"] == pod.name


async def test_what_leaves_a_selection_is_deleted_and_what_enters_is_added(
    client: Client, sandbox: Sandbox, pod: Pod
) -> None:
    path = f"{PODS}?watch=1&labelSelector=app%3Dweb&resourceVersion={await revision(client)}"
    async with client.watch(path) as events:
        sandbox.world.set_labels(pod.namespace, pod.name, {"app": "other"})
        sandbox.world.set_labels(pod.namespace, pod.name, {"app": "web"})
        seen = [await next_event(events) for _ in range(2)]
    assert [event["type"] for event in seen] == ["DELETED", "ADDED"]


async def test_an_old_revision_gets_an_error_event(client: Client, sandbox: Sandbox) -> None:
    start = int(await revision(client))
    sandbox.world.add_pods("shop", "x", 2)
    sandbox.fleet.store.forget()
    async with client.watch(f"{PODS}?watch=1&resourceVersion={start}") as events:
        event = await next_event(events)
        assert event["type"] == "ERROR"
        assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
        assert event["object"]["message"].startswith(f"too old resource version: {start} (")
        with pytest.raises(StopAsyncIteration):
            await next_event(events)


async def test_bookmarks_carry_the_revision_when_nothing_changes() -> None:
    async with serve(Settings(bookmark_seconds=0.05)) as sandbox:
        client = Client(sandbox)
        start = await revision(client)
        async with client.watch(f"{PODS}?watch=1&allowWatchBookmarks=true&resourceVersion={start}") as events:
            sandbox.world.add_namespace("elsewhere")
            event = await next_event(events)
        assert (event["type"], event["object"]["kind"]) == ("BOOKMARK", "Pod")
        assert int(event["object"]["metadata"]["resourceVersion"]) == int(start) + 1


async def test_without_a_revision_everything_is_added_first(client: Client, sandbox: Sandbox) -> None:
    path = "/api/v1/namespaces/data/pods?watch=1"
    count = sum(1 for pod in sandbox.pods if pod.namespace == "data")
    async with client.watch(path) as events:
        assert [(await next_event(events))["type"] for _ in range(count)] == ["ADDED"] * count
    async with client.watch(f"{path}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan") as events:
        seen = [await next_event(events) for _ in range(count + 1)]
    assert seen[-1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_a_watch_ends_by_its_timeout_and_by_the_server(client: Client, sandbox: Sandbox) -> None:
    start = await revision(client)
    async with client.watch(f"{PODS}?watch=1&timeoutSeconds=1&resourceVersion={start}") as events:
        with pytest.raises(StopAsyncIteration):
            await next_event(events)
    async with client.watch(f"{PODS}?watch=1&resourceVersion={start}") as events:
        await until(lambda: sandbox.api.watching.open_watches == 1)
        sandbox.api.watching.end_all()
        with pytest.raises(StopAsyncIteration):
            await next_event(events)
    await until(lambda: sandbox.api.watching.open_watches == 0)


async def test_a_client_that_goes_leaves_no_watch_behind(client: Client, sandbox: Sandbox) -> None:
    async with client.watch(f"{PODS}?watch=1&resourceVersion={await revision(client)}"):
        await until(lambda: sandbox.api.watching.open_watches == 1)
    await until(lambda: sandbox.api.watching.open_watches == 0)


async def test_a_bad_revision_is_the_servers_500(client: Client) -> None:
    reply = await client.ask(f"{PODS}?watch=1&resourceVersion=x")
    assert (reply.status, "reason" in reply.json) == (500, False)


async def test_deleting_by_the_api_ends_and_replaces_the_pod(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"
    wrong = await client.ask(path, "DELETE", {"preconditions": {"uid": "other"}})
    assert (wrong.status, wrong.json["reason"]) == (409, "Conflict")
    async with client.watch(f"{PODS}?watch=1&resourceVersion={await revision(client)}") as events:
        reply = await client.ask(path, "DELETE", {"gracePeriodSeconds": 1})
        assert "deletionTimestamp" in reply.json["metadata"]
        assert [(await next_event(events))["type"] for _ in range(3)] == ["MODIFIED", "DELETED", "ADDED"]
    assert (await client.ask(path)).status == 404
    assert len(sandbox.pods) == 60
