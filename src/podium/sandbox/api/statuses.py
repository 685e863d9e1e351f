"""Make Status bodies in the API server's own words."""

import json
from collections.abc import Sequence
from typing import Any

from podium.sandbox.wire.http import Answer

Json = dict[str, Any]


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
        details = dict(self.details or {})
        if self.retry_after is not None:
            details["retryAfterSeconds"] = self.retry_after
        if details:
            found["details"] = details
        return found | {"code": self.code}

    def answer(self) -> Answer:
        """Return the HTTP answer."""
        headers = () if self.retry_after is None else (("Retry-After", str(self.retry_after)),)
        return Answer(self.code, encode(self.body()), headers=headers)


def encode(value: object) -> bytes:
    """Return compact JSON as Go writes it, with its final line feed."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogateescape") + b"\n"


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


def forbidden(user: str, verb: str, group: str, plural: str, scope: tuple[str, str], name: str) -> StatusError:
    """403, as responsewriters.ForbiddenStatusError; `scope` is (resource with subresource, namespace)."""
    resource, namespace = scope
    where = f'in the namespace "{namespace}"' if namespace != "" else "at the cluster scope"
    what = f'User "{user}" cannot {verb} resource "{resource}" in API group "{group}" {where}'
    subject = qualified(group, plural) if name == "" else f'{qualified(group, plural)} "{name}"'
    return StatusError(403, "Forbidden", f"{subject} is forbidden: {what}", details_of(group, plural, name))


def forbidden_path(user: str, verb: str, path: str) -> StatusError:
    """403 for a non-resource path."""
    return StatusError(403, "Forbidden", f'forbidden: User "{user}" cannot {verb} path "{path}"', {})


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
