"""Answer who am I and may I: SelfSubjectReview, SelfSubjectAccessReview, SelfSubjectRulesReview."""

import json
import time
from typing import Any

from podium.sandbox.api.auth import ANONYMOUS, MASTERS, Attributes, Authority, Caller
from podium.sandbox.api.protobuf import MAGIC, ProtobufError, read
from podium.sandbox.api.resources import Target
from podium.sandbox.api.statuses import bad_request, invalid, ok
from podium.sandbox.wire.http import Answer, Request
from podium.sandbox.world.items import stamp

Json = dict[str, Any]


def read_body(request: Request, kind: str) -> Json:
    """Read a request's body, JSON or protobuf. Raises StatusError (400)."""
    if request.body.startswith(MAGIC):
        try:
            return read(request.body, kind)
        except ProtobufError as error:
            raise bad_request(f"the object provided is unrecognized (must be of type {kind}): {error}") from None
    try:
        body = json.loads(request.body or b"{}")
    except ValueError as error:
        raise bad_request(f"the object provided is unrecognized (must be of type {kind}): {error}") from None
    if not isinstance(body, dict):
        raise bad_request(f"the object provided is unrecognized (must be of type {kind})")
    return body


def review(target: Target, request: Request, caller: Caller, authority: Authority) -> Answer:
    """Answer a POST of a review. Raises StatusError."""
    match target.plural:
        case "selfsubjectreviews":
            return ok(_who(caller), 201)
        case "selfsubjectaccessreviews":
            return ok(_may(read_body(request, "SelfSubjectAccessReview"), caller, authority), 201)
        case _:
            return ok(_rules(read_body(request, "SelfSubjectRulesReview"), caller, authority), 201)


def _who(caller: Caller) -> Json:
    user: Json = {"username": caller.name}
    if caller.uid != "":
        user["uid"] = caller.uid
    if caller.groups:
        user["groups"] = list(caller.groups)
    if caller.extra:
        user["extra"] = {key: list(values) for key, values in caller.extra.items()}
    meta = {"creationTimestamp": stamp(time.time())}
    return {
        "kind": "SelfSubjectReview",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": meta,
        "status": {"userInfo": user},
    }


def _may(body: Json, caller: Caller, authority: Authority) -> Json:
    spec: Json = body.get("spec") or {}
    status: Json = {"allowed": False}
    if (wanted := spec.get("resourceAttributes")) is not None:
        part = wanted.get("subresource", "")
        resource = wanted.get("resource", "") + (f"/{part}" if part else "")
        attributes = Attributes(
            wanted.get("verb", ""),
            wanted.get("group", ""),
            resource,
            wanted.get("namespace", ""),
            wanted.get("name", ""),
        )
        status["allowed"] = authority.allows(caller, attributes)
    elif (path := spec.get("nonResourceAttributes")) is not None:
        status["allowed"] = MASTERS in caller.groups or (caller is not ANONYMOUS and path.get("verb") == "get")
    else:
        words = "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified"
        problem = ("FieldValueInvalid", "spec.resourceAttributes", words)
        raise invalid("SelfSubjectAccessReview", "authorization.k8s.io", "", problem)
    if status["allowed"] and MASTERS not in caller.groups:
        status["reason"] = "RBAC: allowed by the sandbox"
    meta: Json = {}
    return {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": meta,
        "spec": spec,
        "status": status,
    }


def _rules(body: Json, caller: Caller, authority: Authority) -> Json:
    spec: Json = body.get("spec") or {}
    namespace = spec.get("namespace", "")
    if namespace == "":
        raise bad_request("no namespace on request")
    found: list[Json] = []
    if MASTERS in caller.groups:
        found.append({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})
    for rule in authority.rules_of(caller):
        if rule.namespaces and "*" not in rule.namespaces and namespace not in rule.namespaces:
            continue
        row: Json = {"verbs": list(rule.verbs), "apiGroups": list(rule.groups), "resources": list(rule.resources)}
        if rule.names:
            row["resourceNames"] = list(rule.names)
        found.append(row)
    paths = [{"verbs": ["get"], "nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/version"]}]
    status = {"resourceRules": found, "nonResourceRules": paths, "incomplete": False}
    meta: Json = {}
    return {
        "kind": "SelfSubjectRulesReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": meta,
        "spec": spec,
        "status": status,
    }
