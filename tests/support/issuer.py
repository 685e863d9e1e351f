"""An OpenID Connect issuer for tests: discovery, and refreshing with rotating refresh tokens."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from support.recording_server import Answer, RecordingServer, Request


def jwt(expires: float, name: str = "x") -> str:
    """Return an unsigned token that ends at `expires` (seconds since the epoch)."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part({'exp': int(expires), 'sub': name})}.c2ln"


@dataclass(slots=True)
class RecordingIssuer:
    """Answers as an issuer does. `valid` is the refresh token that is honoured, once where `rotates`."""

    server: RecordingServer
    gives: str
    valid: str = "refresh-1"
    rotates: bool = False
    takes_header: bool = True
    takes_form: bool = True
    moved: bool = False
    grants: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server.answer = self.answer

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        if request.path == "/realm/.well-known/openid-configuration":
            if self.moved:
                return Answer(302, b"", (("Location", f"{self.server.url}/moved"),))
            return self._discovery()
        if request.path == "/moved":
            return self._discovery()
        if request.path == "/token":
            return self._grant(request)
        return Answer(404, b"{}")

    def _discovery(self) -> Answer:
        return Answer(200, json.dumps({"token_endpoint": f"{self.server.url}/token"}).encode())

    def _grant(self, request: Request) -> Answer:
        form = {key: values[0] for key, values in parse_qs(request.body.decode()).items()}
        self.grants.append(form)
        in_form = "client_id" in form
        if not (self.takes_form if in_form else self.takes_header):
            return Answer(401, b'{"error":"invalid_client"}')
        if form.get("refresh_token") != self.valid:
            return Answer(400, json.dumps({"error": "invalid_grant", "error_description": str(form)}).encode())
        given = {"access_token": "access", "token_type": "Bearer", "id_token": self.gives}
        if self.rotates:
            self.valid = f"{self.valid}+"
            given["refresh_token"] = self.valid
        return Answer(200, json.dumps(given).encode())
