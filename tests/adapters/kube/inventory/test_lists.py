"""Paged lists: what is asked again, what begins again, what is given up."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.kube.inventory.objects import page, pod
from adapters.kube.inventory.scripted import Cluster, Reply, Time, forbidden, refused
from podium.adapters.kube.errors import LONGEST, IncompleteListError, RefusedError, error_for, words_of
from podium.adapters.kube.lists import (
    LONGEST_WAIT,
    RESTARTS,
    TRIES,
    Kind,
    Listed,
    backoff,
    list_all,
)
from podium.adapters.kube.objects import PODS, PodObject
from podium.adapters.kube.wire_errors import ConnectFailedError, ConnectFailure, NoAnswerError
from podium.domain.errors import ClusterError, UsageError

NAMES: Kind[PodObject, str] = Kind("/api/v1", "pods", PODS, lambda item: item.metadata.name)
PATH = "/api/v1/pods"


async def listing(cluster: Cluster, time: Time | None = None) -> Listed[str]:
    return await list_all(cluster, NAMES, "", (), (time or Time()).waits())


def seven(size: int = 2) -> Cluster:
    return Cluster([pod(f"p{n}") for n in range(7)], size=size)


ALL = [f"p{n}" for n in range(7)]


async def test_pages_follow_the_continue_token_and_keep_the_lists_version() -> None:
    cluster = seven()
    found = await listing(cluster)
    assert (found.items, found.version) == (ALL, "1000")
    assert [query.get("continue") for _, query in cluster.asked] == [None, "2", "4", "6"]


async def test_selectors_go_along_on_every_page() -> None:
    cluster = seven()
    await list_all(cluster, NAMES, "shop", (("labelSelector", "app=web"),), Time().waits())
    assert [query["labelSelector"] for _, query in cluster.asked] == ["app=web"] * 4
    assert {path for path, _ in cluster.asked} == {"/api/v1/namespaces/shop/pods"}


async def test_whatever_is_typed_as_a_namespace_stays_one_part_of_the_path() -> None:
    cluster = seven()
    await list_all(cluster, NAMES, "../a b\r\nX: y?z#", (), Time().waits())
    assert cluster.asked[0][0] == "/api/v1/namespaces/..%2Fa%20b%0D%0AX%3A%20y%3Fz%23/pods"


async def test_410_in_mid_list_begins_again() -> None:
    cluster, time = seven(), Time()
    gone = refused(410, "The provided continue parameter is too old", "Expired")
    first: Any = await cluster.get(PATH)
    cluster.planted[PATH] = [first, gone]
    found = await listing(cluster, time)
    assert found.items == ALL, "nothing twice, nothing missing"
    assert [query.get("continue") for _, query in cluster.asked[1:]] == [None, "2", None, "2", "4", "6"]


async def test_410_again_and_again_is_incomplete_in_the_end() -> None:
    cluster = seven()
    first: Any = await cluster.get(PATH)
    cluster.planted[PATH] = [first, refused(410, "too old", "Expired")] * 9
    with pytest.raises(IncompleteListError, match="410"):
        await listing(cluster)
    assert len(cluster.asked) == 1 + 2 * RESTARTS


async def test_429_waits_as_long_as_the_server_asks() -> None:
    cluster, time = seven(), Time()
    cluster.planted[PATH] = [refused(429, "too many requests", "TooManyRequests", after="7")]
    assert (await listing(cluster, time)).items == ALL
    assert [7.0 <= seconds < 8.0 for seconds in time.slept] == [True]


async def test_429_may_name_its_wait_in_the_status_alone() -> None:
    from adapters.kube.inventory.objects import status

    cluster, time = seven(), Time()
    cluster.planted[PATH] = [Reply(429, status(429, "storage is initializing", retryAfterSeconds=3))]
    await listing(cluster, time)
    assert [3.0 <= seconds < 4.0 for seconds in time.slept] == [True]


async def test_429_is_bounded_in_number_and_in_time() -> None:
    cluster, time = seven(), Time()
    cluster.planted[PATH] = refused(429, "too many requests", after="1")
    with pytest.raises(RefusedError, match="too many requests"):
        await listing(cluster, time)
    assert len(cluster.asked) == TRIES
    cluster.planted[PATH] = refused(429, "go away", after=str(int(LONGEST_WAIT) + 1))
    cluster.asked.clear()
    with pytest.raises(RefusedError, match="go away"):
        await listing(cluster, time)
    assert len(cluster.asked) == 1


async def test_5xx_is_tried_a_little_with_growing_waits() -> None:
    cluster, time = seven(), Time()
    cluster.planted[PATH] = [refused(503, "apiserver is shutting down"), refused(500, "etcd")]
    assert (await listing(cluster, time)).items == ALL
    assert len(time.slept) == 2
    assert 0 < time.slept[0] < time.slept[1] < 2
    cluster.planted[PATH] = refused(500, "etcd")
    with pytest.raises(RefusedError, match="etcd"):
        await listing(cluster)


@pytest.mark.parametrize("code", [401, 403, 404, 406])
async def test_other_refusals_are_final_at_once(code: int) -> None:
    cluster, time = seven(), Time()
    cluster.planted[PATH] = refused(code, "no")
    with pytest.raises(RefusedError) as caught:
        await listing(cluster, time)
    assert (caught.value.status, len(cluster.asked), time.slept) == (code, 1, [])


LATER: list[Any] = [
    forbidden("pods"),
    refused(400, "continue key is not valid"),
    refused(500, "etcd"),
    NoAnswerError("reset"),
    ConnectFailedError(ConnectFailure.REFUSED, "refused"),
    ClusterError("the plugin failed"),
    Reply(200, b"<html>"),
    Reply(200, b'{"kind":"Status","metadata":{}}'),
]


@pytest.mark.parametrize("failure", LATER, ids=str)
async def test_whatever_fails_on_a_later_page_leaves_no_half_list(failure: Any) -> None:
    cluster = seven()
    first: Any = await cluster.get(PATH)
    cluster.planted[PATH] = [first, *[failure] * TRIES]
    with pytest.raises(IncompleteListError, match="after 2 pods; none of them is used"):
        await listing(cluster)


async def test_connections_are_tried_again_only_where_it_can_help() -> None:
    for error, tries in (
        (ConnectFailedError(ConnectFailure.REFUSED, "refused"), 1),
        (ConnectFailedError(ConnectFailure.TLS, "wrong CA"), 1),
        (NoAnswerError("reset"), 2),
        (ClusterError("the plugin failed"), 1),
    ):
        cluster = seven()
        cluster.planted[PATH] = error
        with pytest.raises(type(error)):
            await listing(cluster)
        assert len(cluster.asked) == tries
    cluster = seven()
    first: Any = await cluster.get(PATH)
    cluster.planted[PATH] = [first, NoAnswerError("reset"), ConnectFailedError(ConnectFailure.REFUSED, "refused")]
    assert (await listing(cluster)).items == ALL


@pytest.mark.parametrize(
    "body", [b"", b"<html>login</html>", b"{}", b'{"kind":"Pod"}', b'{"kind":"PodList","items":3}']
)
async def test_an_answer_that_is_no_list_is_an_error_not_an_empty_cluster(body: bytes) -> None:
    cluster = seven()
    cluster.planted[PATH] = Reply(200, body)
    with pytest.raises(ClusterError, match="not what a Kubernetes API server sends"):
        await listing(cluster)


async def test_an_empty_list_is_empty() -> None:
    cluster = seven()
    cluster.planted[PATH] = Reply(200, page([]))
    assert (await listing(cluster)).items == []


def test_backoff_grows_and_is_bounded() -> None:
    waits = [backoff(tries, 0.999) for tries in range(1, 50)]
    assert waits == sorted(waits)
    assert waits[-1] <= 5.0
    assert backoff(1, 0.0) == 0.1


def test_refusals_are_one_line_in_the_servers_words() -> None:
    evil = refused(403, "no\x1b[31m red\nand two lines").body
    assert str(error_for("list pods", 403, evil)) == "no [31m red and two lines"
    assert isinstance(error_for("list pods", 400, evil), UsageError)
    assert "log in again" in str(error_for("list pods", 401, evil))
    assert len(words_of(b"x" * 10_000)) == LONGEST
    proxy = error_for("list pods in pay", 502, b"<h1>Bad\nGateway</h1>")
    assert str(proxy) == (
        'list pods in pay: HTTP 502: "<h1>Bad Gateway</h1>" (not an answer of a Kubernetes API server)'
    )
