"""Route a request: who asks, may they, what does the path name, who answers."""

import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from podium.sandbox.api import discovery
from podium.sandbox.api.admin import Admin
from podium.sandbox.api.auth import ANONYMOUS, Attributes, Authority, Caller
from podium.sandbox.api.exec import ExecService, minor_of
from podium.sandbox.api.listing import Listing
from podium.sandbox.api.logs import LogService
from podium.sandbox.api.resources import GROUPS, Target, read_path
from podium.sandbox.api.reviews import read_body, review
from podium.sandbox.api.statuses import (
    StatusError,
    details_of,
    forbidden,
    forbidden_path,
    internal,
    no_such_page,
    no_such_path,
    not_allowed,
    not_found,
    ok,
)
from podium.sandbox.api.watching import Watching
from podium.sandbox.settings import Settings
from podium.sandbox.wire.channels import is_upgrade
from podium.sandbox.wire.http import Answer, DropError, Request
from podium.sandbox.world.changes import World
from podium.sandbox.world.pods import Pod
from podium.sandbox.world.store import Store

Strike = Callable[[Request, Target | None, Caller], Awaitable[Answer | None]]


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the audit log: who asked what, and what came back."""

    user: str
    method: str
    path: str
    status: int
    agent: str
    protocols: str


@dataclass(slots=True)
class ApiServer:
    """The one entry of all requests."""

    settings: Settings
    store: Store
    authority: Authority
    listing: Listing
    watching: Watching
    exec: ExecService
    logs: LogService
    world: World
    admin: Admin
    address: str = ""
    strikes: list[Strike] = field(default_factory=list)
    audit: list[Record] = field(default_factory=list)

    async def respond(self, request: Request) -> Answer:
        """Answer any request; every refusal is a Status."""
        caller = ANONYMOUS
        try:
            caller = self.authority.authenticate(request)
            answer = await self._route(request, caller)
        except StatusError as error:
            answer = error.answer()
        except (DropError, ConnectionError):
            self._note(request, caller, 0)
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours must look like one, not hang the client
            traceback.print_exception(error)
            answer = internal(f"the sandbox failed: {type(error).__name__}").answer()
        self._note(request, caller, answer.status)
        return answer

    def _note(self, request: Request, caller: Caller, status: int) -> None:
        agent, protocols = request.headers.get("user-agent", ""), request.headers.get("sec-websocket-protocol", "")
        self.audit.append(Record(caller.name, request.method, request.path, status, agent, protocols))
        if len(self.audit) > 100_000:
            del self.audit[:50_000]

    async def _route(self, request: Request, caller: Caller) -> Answer:
        if request.path == "/sandbox" or request.path.startswith("/sandbox/"):
            return self.admin.answer(request, caller)
        target = read_path(request.path)
        for strike in self.strikes:
            answer = await strike(request, target, caller)
            if answer is not None:
                return answer
        if target is None:
            if not self.authority.allows_path(caller, request.path):
                raise forbidden_path(caller.name, request.method.lower(), request.path)
            accept = request.headers.get("accept", "")
            return discovery.answer(request.path, accept, self.settings, self.address)
        self.check(caller, target, verb_of(request, target))
        return await self._serve(request, target, caller)

    def check(self, caller: Caller, target: Target, verb: str) -> None:
        """Ask RBAC. Raises StatusError (403)."""
        wanted = Attributes(verb, target.group, target.full_resource, target.namespace, target.name)
        if not self.authority.allows(caller, wanted):
            scope = (target.full_resource, target.namespace)
            raise forbidden(caller.name, verb, target.group, target.plural, scope=scope, name=target.name)

    async def _serve(  # noqa: C901 - one branch a verb
        self, request: Request, target: Target, caller: Caller
    ) -> Answer:
        resource = target.resource
        if resource is None and (target.group not in GROUPS or target.version != "v1"):
            return no_such_page()
        if resource is None:
            raise no_such_path()
        if target.subresource != "":
            return await self._serve_part(request, target, caller)
        if "list" not in resource.verbs:
            if request.method != "POST" or target.name != "":
                raise not_allowed()
            return review(target, request, caller, self.authority)
        if target.name == "" and target.namespace != "" and not resource.namespaced and target.plural != "namespaces":
            raise no_such_path()
        match request.method:
            case "GET" | "HEAD" if target.name != "":
                return self.listing.get(target, request)
            case "GET" | "HEAD" if request.flag("watch"):
                return self.watching.answer(target, request)
            case "GET" | "HEAD":
                return self.listing.list_all(target, request)
            case "DELETE" if "delete" in resource.verbs and target.name != "":
                return self._delete(target, request)
        raise not_allowed()

    def _delete(self, target: Target, request: Request) -> Answer:
        pod = self.find_pod(target)
        options = read_body(request, "DeleteOptions")
        wanted = (options.get("preconditions") or {}).get("uid")
        if wanted not in (None, pod.uid):
            words = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {pod.uid}"
            details = {"name": pod.name, "kind": "pods"}
            raise StatusError(409, "Conflict", f'Operation cannot be fulfilled on pods "{pod.name}": {words}', details)
        force = options.get("gracePeriodSeconds") == 0 or request.first("gracePeriodSeconds") == "0"
        return ok(self.world.delete_pod(pod.namespace, pod.name, force=force).render())

    async def _serve_part(self, request: Request, target: Target, caller: Caller) -> Answer:
        if target.plural != "pods" or target.subresource not in ("exec", "log"):
            raise no_such_path()
        if target.subresource == "exec":
            if request.method not in ("GET", "POST"):
                raise not_allowed()
            if minor_of(self.settings.version) >= 35 and is_upgrade(request):
                self._check_creates(caller, target)
            return await self.exec.open(self.find_pod(target), request, caller.name)
        if request.method != "GET":
            raise not_allowed()
        return await self.logs.answer(self.find_pod(target), request)

    def _check_creates(self, caller: Caller, target: Target) -> None:
        """Ask for `create` beside `get`; the refusal gives no reason (registry/core/pod/rest/subresources.go)."""
        wanted = Attributes("create", target.group, target.full_resource, target.namespace, target.name)
        if not self.authority.allows(caller, wanted):
            words = f'pods "{target.name}" is forbidden: '
            raise StatusError(403, "Forbidden", words, details_of("", "pods", target.name))

    def find_pod(self, target: Target) -> Pod:
        """Return the pod a path names. Raises StatusError (404)."""
        item = self.store.get("pods", target.namespace, target.name)
        if not isinstance(item, Pod):
            raise not_found("", "pods", target.name)
        return item


def verb_of(request: Request, target: Target) -> str:
    """Return RBAC's verb for a request (RequestInfoFactory.NewRequestInfo)."""
    match request.method:
        case "GET" | "HEAD":
            if target.name != "":
                return "get"
            return "watch" if request.flag("watch") else "list"
        case "POST":
            return "create"
        case "PUT":
            return "update"
        case "PATCH":
            return "patch"
        case "DELETE":
            return "delete" if target.name != "" else "deletecollection"
        case _:
            return request.method.lower()
