"""What a cluster says of itself: which one it is, its version, its clock."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import msgspec

from podium.adapters.kube.errors import error_for, unreadable
from podium.adapters.kube.lists import Requests
from podium.adapters.kube.objects import ONE_BARE, Partial
from podium.ports import Clock


class VersionObject(Partial):
    """The answer of /version."""

    git_version: str = ""


VERSION = msgspec.json.Decoder(VersionObject)


@dataclass(frozen=True, slots=True)
class Server:
    """An API server. `version` as it writes it ("v1.36.3"); `skew` in seconds, positive where its clock is ahead.

    The Date header counts whole seconds, so a skew below 1 s is none; None where there was no such header.
    """

    version: str
    skew: float | None


def endpoint_of(server: str, ca_pem: bytes | None) -> str:
    """Tell a cluster by its address and CA: what is left where kube-system may not be read."""
    digest = hashlib.sha256(ca_pem or b"").hexdigest()[:16]
    return f"{server} ca:{digest}"


async def identity_of(requests: Requests, endpoint: str) -> str:
    """The UID of the namespace kube-system, which no two clusters share; `endpoint` where it is not told.

    Raises ClusterError where the cluster does not answer at all.
    """
    answer = await requests.get("/api/v1/namespaces/kube-system")
    if answer.status != 200:
        return endpoint
    try:
        return ONE_BARE.decode(answer.body).metadata.uid or endpoint
    except msgspec.DecodeError:
        return endpoint


async def server_of(requests: Requests, clock: Clock) -> Server:
    """Ask for version and time. Raises ClusterError where the server does not answer, or not with a version."""
    before = clock.wall()
    answer = await requests.get("/version")
    after = clock.wall()
    if answer.status != 200:
        raise error_for("get the server's version", answer.status, answer.body)
    try:
        version = VERSION.decode(answer.body).git_version
    except msgspec.DecodeError as error:
        raise unreadable("get the server's version", str(error)) from error
    return Server(version, skew_of(answer.headers.get("Date"), before, after))


def skew_of(date: str | None, before: float, after: float) -> float | None:
    """Seconds by which the server's clock is ahead, 0.0 where its Date fits between `before` and `after`."""
    if date is None:
        return None
    try:
        theirs = parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None
    # Date names the whole second that had begun: the true time lies in [theirs, theirs + 1)
    if theirs > after:
        return theirs - after
    if theirs + 1.0 < before:
        return theirs + 1.0 - before
    return 0.0
