"""The `oidc` auth provider: an id-token, refreshed by the refresh-token grant and written back.

Source: client-go `plugin/pkg/client/auth/oidc/oidc.go`; RFC 6749 section 6; OpenID Connect Discovery 1.0.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, quote_plus, urlencode

from podium.adapters.kube.access import Secret
from podium.adapters.kube.http import Response
from podium.adapters.kube.issuer import Issuer
from podium.adapters.kube.kubeconfig_decode import user_of
from podium.adapters.kube.kubeconfig_entries import UserEntry
from podium.adapters.kube.kubeconfig_file import read
from podium.adapters.kube.rotation import Material
from podium.adapters.kube.surroundings import Surroundings
from podium.adapters.kube.tokens import bearer, certificate_pem
from podium.adapters.kube.write_back import WriteBackError, write_back
from podium.domain.errors import ClusterError, UsageError

# Clocks differ: what runs out within these seconds has run out.
_EXPIRY_DELTA = 10.0
# How often, and after how many seconds, to look whether another program wrote what it got for our refresh token.
_ADOPT_TRIES = 20
_ADOPT_PAUSE = 0.1
_REMOVED = {"gcp": "gke-gcloud-auth-plugin", "azure": "kubelogin"}


class OidcSource:
    """Tokens of one user of an OIDC issuer."""

    def __init__(
        self, user: str, origin: Path, settings: Mapping[str, str], issuer: Issuer, surroundings: Surroundings
    ) -> None:
        self._user = user
        self._origin = origin
        self._settings = dict(settings)
        self._issuer = issuer
        self._surroundings = surroundings

    @classmethod
    def of(cls, user: UserEntry, surroundings: Surroundings) -> Self:
        """Return the source for a user with an auth-provider; raises UsageError where it is not a usable oidc one."""
        provider = user.auth_provider
        assert provider is not None
        assert user.origin is not None
        where = f'user "{user.name}" in {user.origin}: auth-provider'
        if provider.name in _REMOVED:
            raise UsageError(f"{where} {provider.name} no longer exists; use exec with {_REMOVED[provider.name]}")
        if provider.name != "oidc":
            raise UsageError(f'{where} "{provider.name}" is not known; oidc is')
        for key in ("idp-issuer-url", "client-id"):
            if not provider.settings.get(key):
                raise UsageError(f"{where} oidc: {key} is missing")
        issuer = Issuer(_authority(provider.settings, where), surroundings.environ)
        return cls(user.name, user.origin, provider.settings, issuer, surroundings)

    async def fetch(self, *, refused: bool) -> Material:
        """Return the id-token while it holds, else a refreshed one; raises ClusterError where none can be had."""
        known = self._settings.get("id-token", "")
        if not refused and self._expiry(known) is not None:
            return self._material(known)
        # Another program may have refreshed meanwhile, and the issuer may honour a refresh token only once.
        await self._adopt()
        adopted = self._settings.get("id-token", "")
        if adopted != known and self._expiry(adopted) is not None:
            return self._material(adopted)
        return self._material(await self._refresh())

    def _material(self, token: str) -> Material:
        return Material(headers=bearer(Secret(token)), fresh_until=self._expiry(token))

    def _expiry(self, token: str) -> float | None:
        """Return when to refresh, None where the token does not hold any more; raises ClusterError on no JWT."""
        if not token:
            return None
        end = self._claimed_end(token) - _EXPIRY_DELTA
        return end if end > self._surroundings.now() else None

    def _claimed_end(self, token: str) -> float:
        parts = token.split(".")
        try:
            payload = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
            return float(payload.get("exp", 0))
        except (IndexError, ValueError, binascii.Error, AttributeError, TypeError):
            raise self._failure("its id-token is not a JWT; log in again") from None

    async def _adopt(self) -> None:
        settings = await asyncio.to_thread(_settings_in, self._origin, self._user)
        if settings is not None and settings.get("refresh-token"):
            self._settings.update(settings)

    async def _refresh(self) -> str:
        refresh_token = self._settings.get("refresh-token", "")
        if not refresh_token:
            raise self._failure("its id-token has expired, and there is no refresh-token; log in again")
        endpoint = await self._endpoint()
        answer = await self._exchange(endpoint, refresh_token)
        fields = _fields(answer)
        if answer.status != 200:
            return await self._after_refusal(refresh_token, answer.status, fields)
        token = fields.get("id_token", "")
        if not token:
            raise self._failure("the issuer refreshed but gave no id_token; log in with the scope openid")
        changes = {"id-token": token}
        if fields.get("refresh_token", refresh_token) != refresh_token:
            changes["refresh-token"] = fields["refresh_token"]
        self._settings.update(changes)
        try:
            await asyncio.to_thread(write_back, self._origin, self._user, changes)
        except WriteBackError as error:
            self._surroundings.warn(
                f'the new tokens of user "{self._user}" were not written back: {error}; this run goes on with them'
            )
        return token

    async def _after_refusal(self, refresh_token: str, status: int, fields: Mapping[str, str]) -> str:
        # Refused, perhaps because another program used the refresh token first: its tokens come into the file.
        for _ in range(_ADOPT_TRIES):
            await self._adopt()
            adopted = self._settings.get("id-token", "")
            if self._settings.get("refresh-token") != refresh_token and self._expiry(adopted) is not None:
                return adopted
            if fields.get("error") != "invalid_grant":
                break
            await asyncio.sleep(_ADOPT_PAUSE)
        # The code (RFC 6749 5.2), never the description: that may quote the token.
        code = fields.get("error", "")
        shown = code if code.isascii() and code.replace("_", "").isalnum() and len(code) < 40 else "no reason given"
        raise self._failure(f"the issuer refused to refresh (HTTP {status}, {shown}); log in again")

    async def _endpoint(self) -> str:
        base = self._settings["idp-issuer-url"].removesuffix("/")
        answer = await self._issuer.get(f"{base}/.well-known/openid-configuration")
        if answer.status != 200:
            raise self._failure(f"{base}/.well-known/openid-configuration answered HTTP {answer.status}")
        endpoint = _fields(answer).get("token_endpoint", "")
        if not endpoint:
            raise self._failure("the issuer names no token_endpoint")
        return endpoint

    async def _exchange(self, endpoint: str, refresh_token: str) -> Response:
        """Ask with the client's password in the header, then in the form: issuers take one or the other."""
        client, password = self._settings["client-id"], self._settings.get("client-secret", "")
        grant = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        pair = f"{quote_plus(client)}:{quote_plus(password)}".encode()
        authorization = f"Basic {base64.b64encode(pair).decode()}"
        answer = await self._issuer.post_form(endpoint, urlencode(grant).encode(), authorization)
        if 200 <= answer.status < 300:
            return answer
        grant["client_id"] = client
        if password:
            grant["client_secret"] = password
        return await self._issuer.post_form(endpoint, urlencode(grant).encode(), "")

    def _failure(self, problem: str) -> ClusterError:
        return ClusterError(f'user "{self._user}" in {self._origin}: {problem}')


def _authority(settings: Mapping[str, str], where: str) -> bytes | None:
    data, file = settings.get("idp-certificate-authority-data", ""), settings.get("idp-certificate-authority", "")
    try:
        pem = base64.b64decode(data) if data else Path(file).read_bytes() if file else b""
    except (OSError, ValueError):
        raise UsageError(f"{where} oidc: its idp-certificate-authority cannot be read") from None
    return certificate_pem(pem, f"{where} oidc: idp-certificate-authority") if pem else None


def _settings_in(origin: Path, user: str) -> Mapping[str, str] | None:
    try:
        stanza = next((stanza for stanza in read(origin).users if stanza.name == user), None)
        provider = None if stanza is None else user_of(stanza).auth_provider
    except (OSError, UsageError):
        return None
    return None if provider is None else provider.settings


def _fields(answer: Response) -> Mapping[str, str]:
    kind = (answer.headers.get("content-type") or "").partition(";")[0].strip().lower()
    if kind in {"application/x-www-form-urlencoded", "text/plain"}:
        return {key: values[0] for key, values in parse_qs(answer.body.decode("utf-8", "replace")).items()}
    try:
        fields = json.loads(answer.body)
    except ValueError:
        return {}
    return {key: value for key, value in fields.items() if isinstance(value, str)} if isinstance(fields, dict) else {}
