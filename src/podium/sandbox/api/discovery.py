"""Tell clients what is served: /version, /api, /apis, aggregated discovery, as much OpenAPI as kubectl reads."""

from podium.sandbox.api.resources import GROUPS, RESOURCES, Resource
from podium.sandbox.api.statuses import encode, no_such_page, ok
from podium.sandbox.settings import Settings
from podium.sandbox.wire.http import Answer
from podium.sandbox.world.items import Json

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"


def version(settings: Settings) -> Json:
    """Return /version."""
    major, minor, _ = settings.version.removeprefix("v").split(".", 2)
    return {
        "major": major,
        "minor": minor,
        "gitVersion": settings.version,
        "gitCommit": "0000000000000000000000000000000000000000",
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "podium-sandbox",
        "compiler": "none",
        "platform": "linux/amd64",
    }


def answer(path: str, accept: str, settings: Settings, address: str) -> Answer:
    """Answer a discovery path; what is none is 404."""
    parts = [part for part in path.split("/") if part != ""]
    match parts:
        case ["version"]:
            return ok(version(settings))
        case ["healthz" | "livez" | "readyz", *_]:
            return Answer(200, b"ok", "text/plain; charset=utf-8")
        case ["api"] | ["apis"]:
            return _roots(parts[0], accept, address)
        case ["api", "v1"]:
            return ok(_resource_list("", "v1"))
        case ["apis", group] if group in GROUPS and group != "":
            return ok({"kind": "APIGroup", "apiVersion": "v1", **_group(group)})
        case ["apis", group, "v1"] if group in GROUPS and group != "":
            return ok(_resource_list(group, "v1"))
        case ["openapi", "v3"]:
            return ok({"paths": {}})
        case ["openapi", "v2"]:
            return ok({"swagger": "2.0", "info": {"title": "Kubernetes", "version": settings.version}, "paths": {}})
        case []:
            return ok(
                {"paths": ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"]}
            )
    return no_such_page()


def _roots(root: str, accept: str, address: str) -> Answer:
    for kind in ("v2", "v2beta1"):
        wanted = AGGREGATED.format(version=kind)
        if wanted in accept.replace(" ", ""):
            groups = [_aggregated(group) for group in GROUPS if (group == "") == (root == "api")]
            body = {
                "kind": "APIGroupDiscoveryList",
                "apiVersion": f"apidiscovery.k8s.io/{kind}",
                "metadata": {},
                "items": groups,
            }
            return Answer(200, encode(body), wanted)
    if root == "api":
        servers = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
        return ok({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": servers})
    return ok(
        {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(group) for group in GROUPS if group != ""]}
    )


def _group(group: str) -> Json:
    served = {"groupVersion": f"{group}/v1", "version": "v1"}
    return {"name": group, "versions": [served], "preferredVersion": served}


def _resource_list(group: str, number: str) -> Json:
    rows: list[Json] = []
    for one in RESOURCES:
        if one.group != group:
            continue
        row: Json = {"name": one.plural, "singularName": one.singular, "namespaced": one.namespaced, "kind": one.kind}
        row["verbs"] = list(one.verbs)
        if one.short:
            row["shortNames"] = list(one.short)
        if one.categories:
            row["categories"] = list(one.categories)
        rows.append(row)
        for name, kind, verbs in one.subresources:
            part = {
                "name": f"{one.plural}/{name}",
                "singularName": "",
                "namespaced": True,
                "kind": kind,
                "verbs": list(verbs),
            }
            rows.append(part)
    version_name = number if group == "" else f"{group}/{number}"
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version_name, "resources": rows}


def _aggregated(group: str) -> Json:
    rows = [_aggregated_resource(one) for one in RESOURCES if one.group == group]
    meta: Json = {"creationTimestamp": None} if group == "" else {"name": group, "creationTimestamp": None}
    return {"metadata": meta, "versions": [{"version": "v1", "resources": rows, "freshness": "Current"}]}


def _aggregated_resource(one: Resource) -> Json:
    row: Json = {
        "resource": one.plural,
        "responseKind": {"group": one.group, "version": one.version, "kind": one.kind},
        "scope": "Namespaced" if one.namespaced else "Cluster",
        "singularResource": one.singular,
        "verbs": list(one.verbs),
    }
    if one.short:
        row["shortNames"] = list(one.short)
    if one.categories:
        row["categories"] = list(one.categories)
    if one.subresources:
        row["subresources"] = [
            {"subresource": name, "responseKind": {"group": "", "version": "v1", "kind": kind}, "verbs": list(verbs)}
            for name, kind, verbs in one.subresources
        ]
    return row
