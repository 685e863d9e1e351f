"""Who asks (bearer token, client certificate, impersonation) and what they may do (a small RBAC)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from podium.sandbox.api.statuses import bad_request, forbidden, unauthorized
from podium.sandbox.settings import Rule, User
from podium.sandbox.wire.http import Request

MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"
PUBLIC_PATHS = ("/healthz", "/livez", "/readyz", "/version")
DISCOVERY_PATHS = (*PUBLIC_PATHS, "/api", "/apis", "/openapi")
"""What system:public-info-viewer and system:discovery may get."""
BASIC_USER = Rule(
    ("create",), ("selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"), groups=("*",)
)
"""What system:basic-user gives to everybody who is known."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request is from, after impersonation."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


ANONYMOUS = Caller("system:anonymous", ("system:unauthenticated",))


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a request wants: RBAC's words; `resource` includes the subresource."""

    verb: str
    group: str
    resource: str
    namespace: str
    name: str


@dataclass(slots=True)
class Authority:
    """Tokens, users and their rules; tests may change them while the sandbox runs."""

    tokens: dict[str, Caller] = field(default_factory=dict, repr=False)
    rules: dict[str, tuple[Rule, ...]] = field(default_factory=lambda: {AUTHENTICATED: (BASIC_USER,)})

    def add(self, user: User) -> None:
        """Add or replace a user."""
        groups = (*user.groups, AUTHENTICATED)
        self.tokens[user.token] = Caller(user.name, groups)
        self.rules[user.name] = user.rules

    def set_rules(self, name: str, rules: Iterable[Rule]) -> None:
        """Replace what a user or group may do; at once, as RBAC is."""
        self.rules[name] = tuple(rules)

    def revoke(self, token: str) -> None:
        """Make a token unknown: requests with it get 401."""
        self.tokens.pop(token, None)

    def authenticate(self, request: Request) -> Caller:
        """Return who asks. Raises StatusError (401, or 403 for impersonation)."""
        header = request.headers.get("authorization", "")
        scheme, _, token = header.partition(" ")
        caller = ANONYMOUS
        peer = request.connection.peer
        # the API server asks certificates first
        if peer is not None:
            caller = Caller(peer.common_name, (*peer.organisations, AUTHENTICATED))
        elif header != "":
            known = self.tokens.get(token.strip()) if scheme.lower() == "bearer" else None
            if known is None:
                raise unauthorized()
            caller = known
        return self._impersonated(caller, request.headers)

    def _impersonated(self, caller: Caller, headers: Mapping[str, str]) -> Caller:
        name = headers.get("impersonate-user", "")
        groups = tuple(part.strip() for part in headers.get("impersonate-group", "").split(",") if part.strip() != "")
        uid = headers.get("impersonate-uid", "")
        extra = {
            key.removeprefix("impersonate-extra-"): tuple(part.strip() for part in value.split(","))
            for key, value in headers.items()
            if key.startswith("impersonate-extra-")
        }
        if name == "":
            if groups or uid != "" or extra:
                listed = ", ".join(f'"{group}"' for group in groups)
                named = f'Name:"", UID:"{uid}", Groups:[]string{{{listed}}}, Extra:map[string][]string(nil)'
                info = f"&user.DefaultInfo{{{named}}}"
                raise bad_request(f"requested {info} without impersonating a user name")
            return caller
        wanted = [("", "users", name), *(("", "groups", group) for group in groups)]
        if uid != "":
            wanted.append(("authentication.k8s.io", "uids", uid))
        wanted.extend(
            ("authentication.k8s.io", f"userextras/{key}", one) for key, found in extra.items() for one in found
        )
        for group, resource, value in wanted:
            if not self.allows(caller, Attributes("impersonate", group, resource, "", value)):
                raise forbidden(
                    caller.name, "impersonate", group, resource.partition("/")[0], scope=(resource, ""), name=value
                )
        return Caller(name, tuple(dict.fromkeys((*groups, AUTHENTICATED))), uid, extra)

    def rules_of(self, caller: Caller) -> tuple[Rule, ...]:
        """Return every rule that speaks for a caller."""
        found = self.rules.get(caller.name, ())
        for group in caller.groups:
            found += self.rules.get(group, ())
        return found

    def allows_path(self, caller: Caller, path: str) -> bool:
        """Tell whether a caller may get a path that is no resource."""
        if MASTERS in caller.groups:
            return True
        known = DISCOVERY_PATHS if AUTHENTICATED in caller.groups else PUBLIC_PATHS
        return any(path == one or path.startswith(f"{one}/") for one in known)

    def allows(self, caller: Caller, wanted: Attributes) -> bool:
        """Tell whether a caller may do this (rbac/v1/evaluation_helpers.go)."""
        if MASTERS in caller.groups:
            return True
        return any(_covers(rule, wanted) for rule in self.rules_of(caller))


def _covers(rule: Rule, wanted: Attributes) -> bool:
    part = wanted.resource.partition("/")[2]
    resources = rule.resources
    if not ("*" in resources or wanted.resource in resources or (part != "" and f"*/{part}" in resources)):
        return False
    if not ("*" in rule.verbs or wanted.verb in rule.verbs) or not ("*" in rule.groups or wanted.group in rule.groups):
        return False
    if rule.namespaces and "*" not in rule.namespaces and wanted.namespace not in rule.namespaces:
        return False
    return not rule.names or wanted.name in rule.names
