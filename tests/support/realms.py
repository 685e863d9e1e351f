"""Clusters in which a test makes users: the rig's by RBAC and tokens, the sandbox in this process by its own rules."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, cast

import yaml

from podium.sandbox import Sandbox, Settings, serve
from podium.sandbox.settings import Rule, User
from support.places import BIN, ROOT, Done, Place, eventually

RIG = Path(os.environ.get("PODIUM_RIG_HOME", "/var/tmp/podium-rig"))
KUBECTL = str(BIN / "kubectl")
LISTS = ("get", "list", "watch")
#: The one population of hollow pods all tests share: another would have to be made anew.
HOLLOW = ("--pods", "2000", "--nodes", "20", "--acts", "drop=20,exit-3=40,refuse=10,missing=10,drip=20,stall=2")


@dataclass(frozen=True, slots=True)
class Grant:
    """Verbs on a resource in one namespace; "" is the whole cluster."""

    resource: str
    verbs: tuple[str, ...]
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as the API server wrote it down."""

    user: str
    path: str
    status: int
    agent: str
    acting: str = ""  #: who asked in another's name, "" where nobody did


class Realm(Protocol):
    """A cluster of which the test is master."""

    place: Place

    def account(self, name: str, *grants: Grant) -> Place:
        """Make a service account with these rights, and a place seen by it."""
        ...

    def apply(self, roles: str) -> None:
        """Apply the Roles that `podium doctor --role` printed."""
        ...

    def asked(self, containing: str) -> list[Asked]:
        """What was asked whose record holds this text, so far."""
        ...


@dataclass
class RealRealm:
    """One of the rig's clusters."""

    place: Place
    home: Path
    cleanups: list[tuple[str, ...]] = field(default_factory=list)
    log_from: int = 0

    @property
    def log(self) -> Path:
        return RIG / "audit" / f"{self.place.name.removeprefix('real-')}.log"

    def user_name(self, name: str) -> str:
        return f"system:serviceaccount:{self.place.namespace}:{name}"

    def token(self, name: str, *flags: str) -> str:
        """A token of a service account."""
        return demand(self.place.kubectl("create", "token", name, *flags)).out.strip()

    def account(self, name: str, *grants: Grant) -> Place:
        own = self.place.namespace
        objects: list[dict[str, Any]] = [_object("v1", "ServiceAccount", name, own)]
        for number, grant in enumerate(grants):
            objects += _role(
                f"{name}-{number}-{own}", grant, {"kind": "ServiceAccount", "name": name, "namespace": own}
            )
        self.create(*objects)
        # RBAC follows its objects by watches: what is written is not yet the law
        for grant in grants:
            eventually(lambda grant=grant: self.may(name, grant), 30)  # type: ignore[misc]
        return self.seen_by(name, {"token": self.token(name)})

    def may(self, name: str, grant: Grant) -> bool:
        """Whether the cluster lets a service account do all of this by now."""
        where = ("-n", grant.namespace) if grant.namespace else ("-A",)
        who = ("--as", self.user_name(name))
        plural, _, part = grant.resource.partition("/")
        part_of = ("--subresource", part) if part else ()
        words = (*self._kubectl, "auth", "can-i", grant.verbs[-1], plural, *part_of, *where, *who)
        return self.place.run(words).code == 0

    def create(self, *objects: dict[str, Any]) -> None:
        """Apply objects; those outside the place's own namespace are deleted at the end."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}).encode()
        demand(self.place.run((*self._kubectl, "apply", "-f", "-"), text))
        for one in objects:
            namespace = one["metadata"].get("namespace")
            if namespace != self.place.namespace:
                where = ("-n", namespace) if namespace else ()
                self.cleanups.append(("delete", one["kind"], one["metadata"]["name"], *where, "--ignore-not-found"))

    def seen_by(self, name: str, user: dict[str, Any], *, namespace: str = "", **cluster: object) -> Place:
        """A kubeconfig of one user; `cluster` changes the cluster's stanza."""
        config = yaml.safe_load(self.place.kubeconfig.read_text())
        stanza = next(one["cluster"] for one in config["clusters"] if one["name"] == self.place.context)
        return seen(self.place, self.home, (name, user), {**stanza, **cluster}, namespace)

    def apply(self, roles: str) -> None:
        demand(self.place.run((*self._kubectl, "apply", "-f", "-"), roles.encode()))

    def asked(self, containing: str) -> list[Asked]:
        with self.log.open("rb") as file:
            file.seek(self.log_from)
            entries = [json.loads(line) for line in file.read().splitlines(keepends=True) if _whole(line, containing)]
        # one request, one line: a refused exec is only ever written down as started
        last = {one["auditID"]: one for one in entries if "responseStatus" in one}
        return [_audited(one) for one in last.values()]

    def close(self) -> None:
        for words in self.cleanups:
            self.place.run((*self._kubectl, *words, "--wait=false"))

    @property
    def _kubectl(self) -> tuple[str, ...]:
        return (KUBECTL, "--context", self.place.context)


@dataclass
class SandboxRealm:
    """A sandbox in a thread of this process."""

    place: Place
    home: Path
    sandbox: Sandbox
    loop: asyncio.AbstractEventLoop
    rules: dict[str, tuple[Rule, ...]] = field(default_factory=dict)

    def user_name(self, name: str) -> str:
        return f"system:serviceaccount:{self.place.namespace}:{name}"

    def account(self, name: str, *grants: Grant) -> Place:
        user = self.user_name(name)
        self.rules[user] = tuple(_rule(grant.verbs, grant.resource, grant.namespace) for grant in grants)
        self.call(lambda: self.sandbox.api.authority.add(User(user, f"token-{name}", self.rules[user])))
        stanza = yaml.safe_load(self.place.kubeconfig.read_text())["clusters"][0]["cluster"]
        return seen(self.place, self.home, (name, {"token": f"token-{name}"}), stanza, "")

    def apply(self, roles: str) -> None:
        documents = [one for one in yaml.safe_load_all(roles) if one is not None]
        given = {one["metadata"]["name"]: one for one in documents if not one["kind"].endswith("Binding")}
        for binding in documents:
            if not binding["kind"].endswith("Binding"):
                continue
            role = given[binding["roleRef"]["name"]]
            for subject in binding["subjects"]:
                own = subject["kind"] == "ServiceAccount"
                user = f"system:serviceaccount:{subject['namespace']}:{subject['name']}" if own else subject["name"]
                for rule in role["rules"]:
                    more = _rule(rule["verbs"], rule["resources"][0], binding["metadata"].get("namespace", ""))
                    self.rules[user] = (*self.rules.get(user, ()), more)
                self.call(lambda user=user: self.sandbox.api.authority.set_rules(user, self.rules[user]))

    def asked(self, containing: str) -> list[Asked]:
        records = self.call(lambda: list(self.sandbox.api.audit))
        made = [Asked(one.user, one.path, one.status, one.agent) for one in records]
        return [one for one in made if containing in f"{one.user} {one.path} {one.agent}"]

    def call(self, act: Any) -> Any:
        """Run something in the sandbox's own thread."""

        async def within() -> Any:
            return act()

        return asyncio.run_coroutine_threadsafe(within(), self.loop).result(20)


@contextmanager
def sandbox_realm(home: Path, settings: Settings, namespace: str) -> Iterator[SandboxRealm]:
    """Serve a sandbox until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    opening = serve(settings)

    def wait(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)

    try:
        sandbox = cast("Sandbox", wait(opening.__aenter__()))
        try:
            kubeconfig = home / "kubeconfig"
            kubeconfig.write_text(sandbox.kubeconfig_text(namespace=namespace))
            place = Place("sandbox", kubeconfig, "podium-sandbox", namespace, home)
            yield SandboxRealm(place, home, sandbox, loop)
        finally:
            wait(opening.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


@contextmanager
def real_realm(name: str, home: Path, manifest: str = "") -> Iterator[RealRealm]:
    """A namespace of our own on one of the rig's clusters, with the pods of a manifest, all of them ready."""
    shown = RIG / "kubeconfig"
    assert shown.is_file(), "the rig is not up: ./scripts/cluster up"
    namespace = f"realm-{os.getpid()}-{time.monotonic_ns() % 1_000_000}"
    place = Place(name, shown, name.replace("real-", "rig-"), namespace, home)
    realm = RealRealm(place, home)
    realm.log_from = realm.log.stat().st_size
    demand(place.run((KUBECTL, "--context", place.context, "create", "namespace", namespace)))
    try:
        eventually(lambda: place.kubectl("get", "serviceaccount", "default").code == 0)
        if manifest:
            demand(place.kubectl("apply", "-f", "-", stdin=manifest.encode()))
            eventually(lambda: ready(place), 100)
        yield realm
    finally:
        realm.close()
        place.run((KUBECTL, "--context", place.context, "delete", "namespace", namespace, "--wait=false"))


def ready(place: Place) -> bool:
    """Whether there are pods and all of them are ready, or have ended well."""
    pods = place.get("pods")["items"]
    return bool(pods) and all(_good(pod) for pod in pods)


def _good(pod: dict[str, Any]) -> bool:
    conditions = {one["type"]: one["status"] for one in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" or pod["status"].get("phase") == "Succeeded"


def seen(place: Place, home: Path, who: tuple[str, dict[str, Any]], cluster: dict[str, Any], namespace: str) -> Place:
    """A kubeconfig with one context, and the place seen through it."""
    name, user = who
    context = {"cluster": place.context, "user": name, "namespace": namespace or place.namespace}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": place.context, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": place.context, "context": context}],
        "current-context": place.context,
    }
    path = home / f"kubeconfig-{name}-{place.namespace}"
    path.write_text(json.dumps(config))
    path.chmod(0o600)
    return replace(place, kubeconfig=path)


def sleeping(name: str, app: str, **pod: object) -> dict[str, Any]:
    """A pod of busybox that sleeps and ends at once when told to."""
    container = {
        "name": "main",
        "image": "podium.test/busybox:1",
        "imagePullPolicy": "Never",
        "command": ["sleep", "100000"],
    }
    spec = {"terminationGracePeriodSeconds": 0, "containers": [container], **pod}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": app}}, "spec": spec}


def manifest(*objects: dict[str, Any]) -> str:
    """Objects as one text."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})


def demand(done: Done) -> Done:
    """Insist on a good end."""
    assert done.code == 0, done.err
    return done


def cluster_command(*words: str, timeout: float = 120) -> str:
    """Run ./scripts/cluster."""
    import subprocess

    done = subprocess.run(
        [ROOT / "scripts" / "cluster", *words], capture_output=True, text=True, check=False, timeout=timeout
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _rule(verbs: Sequence[str], resource: str, namespace: str) -> Rule:
    return Rule(tuple(verbs), (resource,), (namespace,) if namespace else ())


def _whole(line: bytes, containing: str) -> bool:
    return line.endswith(b"\n") and containing.encode() in line


def _audited(entry: dict[str, Any]) -> Asked:
    user = entry["user"].get("username", "")
    impersonated = entry.get("impersonatedUser", {}).get("username", "")
    return Asked(
        user=impersonated or user,
        path=entry["requestURI"],
        status=entry["responseStatus"]["code"],
        agent=entry.get("userAgent", ""),
        acting=user if impersonated else "",
    )


def _object(version: str, kind: str, name: str, namespace: str, **more: object) -> dict[str, Any]:
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": meta, **more}


def _role(name: str, grant: Grant, subject: dict[str, str]) -> list[dict[str, Any]]:
    kind, version = ("Role" if grant.namespace else "ClusterRole"), "rbac.authorization.k8s.io/v1"
    groups = {"replicasets": "apps", "deployments": "apps", "users": "", "groups": ""}
    rule = {
        "apiGroups": [groups.get(grant.resource, "")],
        "resources": [grant.resource],
        "verbs": list(grant.verbs),
    }
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
    return [
        _object(version, kind, name, grant.namespace, rules=[rule]),
        _object(version, f"{kind}Binding", name, grant.namespace, roleRef=reference, subjects=[subject]),
    ]
