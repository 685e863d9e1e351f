"""The admin endpoint: /sandbox plants faults and changes the world. docs/reference/sandbox.md is its reference."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from podium.sandbox.api.auth import MASTERS, Caller
from podium.sandbox.api.exec import ExecService
from podium.sandbox.api.logs import LogService
from podium.sandbox.api.statuses import StatusError, bad_request, forbidden_path, no_such_path, ok
from podium.sandbox.api.watching import Watching
from podium.sandbox.faults.box import FaultBox
from podium.sandbox.faults.grammar import FaultError
from podium.sandbox.wire.http import Answer, Request
from podium.sandbox.world.changes import UnknownPodError, World
from podium.sandbox.world.pods import Pod, State

Json = dict[str, Any]


@dataclass(slots=True)
class Admin:
    """Answer /sandbox for members of system:masters."""

    box: FaultBox
    world: World
    exec: ExecService
    watching: Watching
    logs: LogService

    def answer(self, request: Request, caller: Caller) -> Answer:
        """Answer an admin request. Raises StatusError (400, 403, 404)."""
        if MASTERS not in caller.groups:
            raise forbidden_path(caller.name, request.method.lower(), request.path)
        parts = [part for part in request.path.split("/") if part != ""][1:]
        try:
            return ok(self._answer(request, parts))
        except FaultError as error:
            raise bad_request(str(error)) from None
        except UnknownPodError as error:
            raise StatusError(404, "NotFound", str(error)) from None

    def _answer(self, request: Request, parts: list[str]) -> Json:  # noqa: C901 - one branch a path
        match (request.method, *parts):
            case ("GET",):
                return self._state()
            case ("POST", "faults"):
                return {"id": self.box.plant(str(_body(request).get("fault", "")))}
            case ("GET", "faults"):
                return {"faults": self._faults()}
            case ("DELETE", "faults"):
                return {"cleared": self.box.clear()}
            case ("DELETE", "faults", name):
                return {"cleared": self.box.clear(name)}
            case ("POST", "compact"):
                self.world.fleet.store.forget()
                return {}
            case ("POST", "watches", "end"):
                self.watching.end_all()
                return {}
            case ("POST", "nodes", name):
                self.world.set_node_ready(name, ready=bool(_body(request).get("ready", False)))
                return {}
            case ("POST", "pods", namespace):
                return self._add(namespace, _body(request))
            case ("POST", "pods", namespace, name, action):
                return self._act(namespace, name, action, _body(request))
        raise no_such_path()

    def _state(self) -> Json:
        return {
            "faults": self._faults(),
            "execs": len(self.exec.running),
            "watches": self.watching.open_watches,
            "pods": len(self.world.fleet.store.all("pods")),
            "touched": len(self.exec.containers.made),
        }

    def _faults(self) -> list[Json]:
        return [
            {"id": one.name, "fault": one.fault.text, "left": one.left, "struck": one.struck}
            for one in self.box.planted.values()
        ]

    def _add(self, namespace: str, body: Json) -> Json:
        pods = self.world.add_pods(namespace, str(body.get("workload", "added")), int(body.get("count", 1)))
        return {"pods": [pod.name for pod in pods]}

    def _act(self, namespace: str, name: str, action: str, body: Json) -> Json:
        if action == "log":
            pod = self.world.pod(namespace, name)
            container = str(body.get("container", pod.template.containers[0].name))
            self.logs.add(pod, container, [str(line) for line in body.get("lines", ())])
            return {}
        acts: dict[str, Callable[[], Pod]] = {
            "delete": lambda: self.world.delete_pod(namespace, name),
            "vanish": lambda: self.world.vanish(namespace, name, frozen=bool(body.get("frozen", False))),
            "replace": lambda: self.world.replace_pod(namespace, name),
            "restart": lambda: self.world.restart(namespace, name, exit_code=int(body.get("exitCode", 137))),
            "state": lambda: self.world.set_state(namespace, name, _state(body)),
            "labels": lambda: self.world.set_labels(namespace, name, dict(body.get("labels", {}))),
        }
        if action not in acts:
            raise no_such_path()
        pod = acts[action]()
        return {"name": pod.name, "uid": pod.uid}


def _state(body: Json) -> State:
    try:
        return State(body.get("state"))
    except ValueError:
        raise bad_request(f"state is one of {', '.join(state.value for state in State)}") from None


def _body(request: Request) -> Json:
    try:
        body = json.loads(request.body or b"{}")
    except ValueError as error:
        raise bad_request(f"the body is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise bad_request("the body is no JSON object")
    return body
