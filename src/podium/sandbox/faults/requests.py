"""Faults that strike requests and dials, before anybody answers."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from podium.sandbox.api.auth import Caller
from podium.sandbox.api.listing import read_token
from podium.sandbox.api.nodes import NodeDialError
from podium.sandbox.api.resources import Target
from podium.sandbox.api.statuses import StatusError, expired, forbidden, internal, too_many, unauthorized, unknown_error
from podium.sandbox.faults.box import FaultBox
from podium.sandbox.faults.grammar import Fault, Kind
from podium.sandbox.wire.http import Answer, DropError, Request
from podium.sandbox.world.store import Store

ERRORS = (Kind.TOO_MANY, Kind.GONE, Kind.SERVER_ERROR, Kind.UNAVAILABLE, Kind.FORBIDDEN, Kind.UNAUTHORIZED)
EXPIRED = "The provided continue parameter is too old to display a consistent list result."
LISTS_ONLY = frozenset((Kind.TOO_MANY, Kind.GONE))
DIALS = (Kind.NODE_TIMEOUT, Kind.NODE_REFUSED, Kind.NODE_SILENT)

NodeOf = Callable[[str, str], str]


@dataclass(slots=True)
class RequestFaults:
    """Strike requests. `node_of` tells which node a pod is on."""

    box: FaultBox
    store: Store
    node_of: NodeOf

    async def strike(self, request: Request, target: Target | None, caller: Caller) -> Answer | None:
        """Break a request as planted. Raises StatusError, DropError."""
        if target is None or not self.box.planted:
            return None
        facts = self._facts(request, target, caller)
        is_exec = facts["on"] == "exec"
        page = self._page(request, target) if facts["on"] == "list" else None
        if not is_exec:
            latency = self.box.strikes((Kind.LATENCY,), facts, page=page)
            if latency is not None:
                await asyncio.sleep(latency.value)
        cut = self.box.strikes((Kind.HANG, Kind.HANG_UP), facts, page=page)
        if cut is not None:
            if cut.kind is Kind.HANG:
                await request.connection.gone()
            raise DropError
        for kind in ERRORS:
            if kind in LISTS_ONLY and facts["on"] != "list" and not self._is_told(kind, facts["on"]):
                continue
            if kind is Kind.GONE and not request.first("continue"):
                continue
            fault = self.box.strikes((kind,), facts, page=page)
            if fault is not None:
                raise _error(fault, target, caller, facts)
        return None

    def _is_told(self, kind: Kind, operation: str) -> bool:
        return any(one.fault.kind is kind and one.fault.on in (operation, "all") for one in self.box.planted.values())

    def _facts(self, request: Request, target: Target, caller: Caller) -> dict[str, str]:
        operation = target.subresource or {"POST": "create", "DELETE": "delete"}.get(request.method, "")
        if operation == "":
            operation = "get" if target.name != "" else "watch" if request.flag("watch") else "list"
        pod = target.name if target.plural == "pods" else ""
        return {
            "on": operation,
            "namespace": target.namespace,
            "pod": pod,
            "node": self.node_of(target.namespace, pod) if pod != "" else "",
            "container": request.first("container") or "",
            "command": " ".join(request.all("command")),
            "user": caller.name,
        }

    def _page(self, request: Request, target: Target) -> int:
        token, limit = request.first("continue"), request.first("limit") or "500"
        if not token or not limit.isdigit() or int(limit) == 0:
            return 1
        _, after = read_token(token)
        before = 0
        for item in self.store.snapshot(target.plural).items:
            if target.namespace in ("", item.namespace):
                if (item.namespace, item.name) > after:
                    break
                before += 1
        return before // int(limit) + 1

    async def strike_dial(self, node: str, address: str) -> None:
        """Break a dial as planted. Raises NodeDialError."""
        fault = self.box.strikes(DIALS, {"node": node})
        if fault is None:
            return
        match fault.kind:
            case Kind.NODE_REFUSED:
                raise NodeDialError(f"dial tcp {address}:10250: connect: connection refused")
            case Kind.NODE_SILENT:
                await asyncio.Event().wait()
            case _:
                await asyncio.sleep(fault.value)
                raise NodeDialError(f"dial tcp {address}:10250: i/o timeout")


def _error(fault: Fault, target: Target, caller: Caller, facts: dict[str, str]) -> StatusError:
    match fault.kind:
        case Kind.TOO_MANY:
            return too_many(int(fault.value))
        case Kind.GONE:
            return expired(EXPIRED)
        case Kind.UNAVAILABLE:
            return StatusError(503, "ServiceUnavailable", "the server is currently unable to handle the request", {})
        case Kind.UNAUTHORIZED:
            return unauthorized()
        case Kind.FORBIDDEN:
            verb = {"exec": "get", "log": "get"}.get(facts["on"], facts["on"])
            scope = (target.full_resource, target.namespace)
            return forbidden(caller.name, verb, target.group, target.plural, scope=scope, name=target.name)
        case Kind.SERVER_ERROR:
            return internal("etcdserver: request timed out")
    return unknown_error(f"planted fault {fault.text}")
