"""Make Status bodies in the API server's own words."""

import json
from collections.abc import Sequence
from typing import Any

from podium.sandbox.wire.http import Answer

Json = dict[str, Any]
GO_ESCAPES = (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029"))
"""What Go's encoding/json escapes though JSON does not ask for it."""


class StatusError(Exception):
    """A request ends with this Status."""

    def __init__(
        self, code: int, reason: str, message: str, details: Json | None = None, *, retry_after: int | None = None
    ) -> None:
        """Carry the parts of a metav1.Status."""
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details
        self.retry_after = retry_after
        self.continue_token: str | None = None

    def body(self) -> Json:
        """Return the Status as JSON."""
        meta: Json = {} if self.continue_token is None else {"continue": self.continue_token}
        found: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": meta,
            "status": "Failure",
            "message": self.message,
        }
        if self.reason != "":
            found["reason"] = self.reason
        if self.retry_after is not None:
            found["details"] = {**(self.details or {}), "retryAfterSeconds": self.retry_after}
        elif self.details is not None:
            found["details"] = self.details
        return found | {"code": self.code}

    def answer(self) -> Answer:
        """Return the HTTP answer."""
        headers = () if self.retry_after is None else (("Retry-After", str(self.retry_after)),)
        return Answer(self.code, encode(self.body()), headers=headers)


def encode(value: object) -> bytes:
    """Return compact JSON as Go writes it: <, > and & escaped, a final line feed."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char, escaped in GO_ESCAPES:
        text = text.replace(char, escaped)
    return text.encode("utf-8", "surrogateescape") + b"\n"


def ok(value: object, status: int = 200) -> Answer:
    """Return a JSON answer."""
    return Answer(status, encode(value))


def bad_request(message: str) -> StatusError:
    """400, as errors.NewBadRequest."""
    return StatusError(400, "BadRequest", message)


def unauthorized() -> StatusError:
    """401, as the authentication filter."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def qualified(group: str, plural: str) -> str:
    """Return GroupResource.String()."""
    return plural if group == "" else f"{plural}.{group}"


def details_of(group: str, plural: str, name: str) -> Json:
    """Return details that name an object."""
    found: Json = {}
    if name != "":
        found["name"] = name
    if group != "":
        found["group"] = group
    if plural != "":
        found["kind"] = plural
    return found


def not_found(group: str, plural: str, name: str) -> StatusError:
    """404 for a named object, as errors.NewNotFound."""
    return StatusError(
        404, "NotFound", f'{qualified(group, plural)} "{name}" not found', details_of(group, plural, name)
    )


def no_such_path() -> StatusError:
    """404 for a path that is served by nobody, as errors.NewGenericServerResponse words it."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", {})


def forbidden(user: str, verb: str, group: str, plural: str, *, scope: tuple[str, str], name: str) -> StatusError:
    """403, as responsewriters.ForbiddenStatusError; `scope` is (resource with subresource, namespace)."""
    resource, namespace = scope
    where = f'in the namespace "{namespace}"' if namespace != "" else "at the cluster scope"
    what = f'User "{user}" cannot {verb} resource "{resource}" in API group "{group}" {where}'
    subject = qualified(group, plural) if name == "" else f'{qualified(group, plural)} "{name}"'
    return StatusError(403, "Forbidden", f"{subject} is forbidden: {what}", details_of(group, plural, name))


def forbidden_path(user: str, verb: str, path: str) -> StatusError:
    """403 for a non-resource path."""
    return StatusError(403, "Forbidden", f'forbidden: User "{user}" cannot {verb} path "{path}"', {})


def no_such_page() -> Answer:
    """404 for a path outside every served API, as net/http's."""
    return Answer(404, b"404 page not found\n", "text/plain; charset=utf-8")


def invalid(kind: str, group: str, name: str, problem: tuple[str, str, str]) -> StatusError:
    """422, as errors.NewInvalid; the problem is (reason, field, words)."""
    reason, field, words = problem
    qualified_kind = kind if group == "" else f"{kind}.{group}"
    cause = {"reason": reason, "message": words, "field": field}
    details: Json = {"name": name} if name != "" else {}
    details |= {"group": group} if group != "" else {}
    details |= {"kind": kind, "causes": [cause]}
    return StatusError(422, "Invalid", f'{qualified_kind} "{name}" is invalid: {field}: {words}', details)


def not_allowed(message: str = "the server does not allow this method on the requested resource") -> StatusError:
    """405, as errors.NewMethodNotSupported."""
    return StatusError(405, "MethodNotAllowed", message, {})


def expired(message: str) -> StatusError:
    """410, as errors.NewResourceExpired."""
    return StatusError(410, "Expired", message)


def too_many(seconds: int) -> StatusError:
    """429, as the max-in-flight filter's, with Retry-After."""
    return StatusError(429, "TooManyRequests", "Too many requests, please try again later.", {}, retry_after=seconds)


def internal(message: str) -> StatusError:
    """500, as errors.NewInternalError."""
    causes: Sequence[Json] = [{"message": message}]
    return StatusError(500, "InternalError", f"Internal error occurred: {message}", {"causes": causes})


def unknown_error(message: str, code: int = 500) -> StatusError:
    """500 for an error that is no Status of its own (ErrorToAPIStatus)."""
    return StatusError(code, "", message)
