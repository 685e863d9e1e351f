"""Who we are and what we may do, in the cluster's own judgement.

Sources: authentication.k8s.io/v1 SelfSubjectReview (KEP-3325, served since 1.28), authorization.k8s.io/v1
SelfSubjectAccessReview. Both may be asked by every authenticated user (ClusterRole system:basic-user).
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from podium.adapters.kube.errors import RefusedError, error_for, unreadable
from podium.adapters.kube.lists import Requests
from podium.adapters.kube.objects import Partial
from podium.domain.errors import ClusterError
from podium.domain.rights import group_of

WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
MAY = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class UserInfo(Partial):
    username: str = ""
    groups: list[str] | None = None


class WhoStatus(Partial):
    user_info: UserInfo = msgspec.field(default_factory=UserInfo)


class WhoObject(Partial):
    status: WhoStatus = msgspec.field(default_factory=WhoStatus)


class MayStatus(Partial):
    allowed: bool = False
    evaluation_error: str = ""


class MayObject(Partial):
    status: MayStatus | None = None


WHO_ANSWER = msgspec.json.Decoder(WhoObject)
MAY_ANSWER = msgspec.json.Decoder(MayObject)


@dataclass(frozen=True, slots=True)
class Identity:
    """Us, as the cluster knows us."""

    name: str
    groups: tuple[str, ...]


class KubeReviews:
    """Fulfils ports.Reviews over plain requests."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    async def who_am_i(self) -> str:
        """The cluster's own name for us; raises ClusterError."""
        return (await self.identity()).name

    async def identity(self) -> Identity:
        """Our name and groups; raises ClusterError, as a RefusedError where the server is older than 1.28."""
        body = msgspec.json.encode({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
        asked = "ask who we are"
        answer = await self._requests.post(WHO, body)
        if answer.status == 404:
            raise RefusedError(f"{asked}: this API server does not tell (SelfSubjectReview came with 1.28)", 404)
        if answer.status not in {200, 201}:
            error = error_for(asked, answer.status, answer.body)
            raise error if isinstance(error, ClusterError) else RefusedError(str(error), answer.status)
        try:
            user = WHO_ANSWER.decode(answer.body).status.user_info
        except msgspec.DecodeError as error:
            raise unreadable(asked, str(error)) from error
        return Identity(user.username, tuple(user.groups or ()))

    async def may(self, verb: str, resource: str, namespace: str) -> bool | None:
        """Whether we may (see ports.Reviews). None when it will not say: refused, or its authorizers failed.

        `resource` as RESOURCE or RESOURCE/SUBRESOURCE, its API group known to domain.rights. Raises ClusterError
        where the cluster does not answer.
        """
        plural, _, subresource = resource.partition("/")
        attributes = {"verb": verb, "group": group_of(plural), "resource": plural}
        attributes.update(
            (key, value) for key, value in (("subresource", subresource), ("namespace", namespace)) if value
        )
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = await self._requests.post(MAY, msgspec.json.encode(review))
        if answer.status not in {200, 201}:
            return None
        try:
            status = MAY_ANSWER.decode(answer.body).status
        except msgspec.DecodeError:
            return None
        if status is None or (not status.allowed and status.evaluation_error):
            return None
        return status.allowed
