"""Who am I, and may I."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.kube.inventory.scripted import Cluster, Reply, Time, refused
from podium.adapters.kube.discovery import endpoint_of, server_of, skew_of
from podium.adapters.kube.reviews import MAY, WHO, KubeReviews
from podium.adapters.kube.wire_errors import Headers
from podium.domain.errors import ClusterError
from podium.ports import Reviews


def reply(value: Any, code: int = 201) -> Reply:
    return Reply(code, json.dumps(value).encode())


async def test_the_cluster_says_who_we_are() -> None:
    cluster = Cluster()
    cluster.planted[WHO] = reply({"status": {"userInfo": {"username": "alice", "groups": ["dev"]}}})
    port: Reviews = KubeReviews(cluster)
    assert await port.who_am_i() == "alice"
    assert json.loads(cluster.posted[0][1])["kind"] == "SelfSubjectReview"


@pytest.mark.parametrize("code", [401, 403, 404, 400, 500])
async def test_a_cluster_that_does_not_tell_is_an_error_of_one_line(code: int) -> None:
    cluster = Cluster()
    cluster.planted[WHO] = refused(code, "no\nway")
    with pytest.raises(ClusterError) as caught:
        await KubeReviews(cluster).who_am_i()
    assert "\n" not in str(caught.value)


@pytest.mark.on(why="no cluster fails on demand: a scripted one does; tests/cluster/test_inventory.py has the real one")
async def test_pitfall_28_rights_are_asked_with_the_subresource() -> None:
    cluster = Cluster()
    cluster.planted[MAY] = reply({"status": {"allowed": True}})
    assert await KubeReviews(cluster).may("create", "pods/exec", "pay") is True
    assert json.loads(cluster.posted[0][1])["spec"] == {
        "resourceAttributes": {
            "verb": "create",
            "group": "",
            "resource": "pods",
            "subresource": "exec",
            "namespace": "pay",
        }
    }
    await KubeReviews(cluster).may("list", "replicasets", "")
    assert json.loads(cluster.posted[1][1])["spec"] == {
        "resourceAttributes": {"verb": "list", "group": "apps", "resource": "replicasets"}
    }


@pytest.mark.parametrize(
    ("answer", "meant"),
    [
        (reply({"status": {"allowed": False}}), False),
        (reply({"status": {"allowed": False, "evaluationError": "webhook down"}}), None),
        (reply({"status": {"allowed": True, "evaluationError": "some role is missing"}}), True),
        (reply({}), None),
        (Reply(201, b"<html>"), None),
        (refused(403, "no"), None),
        (refused(500, "no"), None),
    ],
)
async def test_only_a_clear_word_is_yes_or_no(answer: Reply, meant: bool | None) -> None:
    cluster = Cluster()
    cluster.planted[MAY] = answer
    assert await KubeReviews(cluster).may("get", "pods/exec", "pay") is meant


async def test_version_and_clock() -> None:
    cluster, time = Cluster(), Time()
    time.now = 1795530979.4  # 2026-11-24T14:36:19.4Z
    headers = Headers([("Date", "Tue, 24 Nov 2026 14:37:20 GMT")])
    cluster.planted["/version"] = Reply(200, b'{"gitVersion":"v1.36.3"}', headers)
    server = await server_of(cluster, time)
    assert server.version == "v1.36.3"
    assert server.skew == pytest.approx(60.6)
    cluster.planted["/version"] = Reply(200, b"<html>")
    with pytest.raises(ClusterError, match="check the address"):
        await server_of(cluster, time)


@pytest.mark.parametrize(
    ("before", "after", "skew"),
    [(1000.2, 1000.4, 0.0), (1000.9, 1001.2, 0.0), (1002.5, 1003.0, -1.5), (990.0, 998.0, 2.0)],
)
def test_a_date_counts_whole_seconds(before: float, after: float, skew: float) -> None:
    assert skew_of("Thu, 01 Jan 1970 00:16:40 GMT", before, after) == pytest.approx(skew)


def test_an_unreadable_date_is_no_skew() -> None:
    assert skew_of("yesterday", 0, 0) is None
    assert skew_of(None, 0, 0) is None


def test_endpoints_differ_by_server_and_by_authority() -> None:
    ends = {endpoint_of("https://a", b"x"), endpoint_of("https://a", b"y"), endpoint_of("https://b", b"x")}
    assert len(ends) == 3
