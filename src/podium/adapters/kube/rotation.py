"""Keep one user's credential fresh: one flight at a time, a new generation only when something changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from podium.adapters.kube.access import Credential, Secret
from podium.adapters.kube.certificates import ends_at
from podium.domain.errors import ClusterError, PodiumError

# How long a failure or a fruitless renewal is remembered, so that a thousand targets do not run a plugin a thousand
# times. Seconds.
_FAILURE_HOLDS = 10.0
_FRUITLESS_HOLDS = 30.0
# What arrives already expired is still used this long: clocks differ.
_AT_LEAST = 10.0


@dataclass(frozen=True, slots=True)
class Material:
    """What a source gives. `fresh_until`: seconds since the epoch, None for as long as nobody refuses it."""

    headers: tuple[tuple[str, Secret], ...] = ()
    certificate_pem: bytes | None = None
    key_pem: Secret | None = None
    fresh_until: float | None = None


class Source(Protocol):
    """Where the material of one identity comes from."""

    async def fetch(self, *, refused: bool) -> Material:
        """Get it; `refused`: the server turned down the last one, so what is cached will not do.

        Raises ClusterError where it cannot be had.
        """
        ...


@dataclass(frozen=True, slots=True)
class FixedSource:
    """Material that never changes."""

    material: Material = Material()

    async def fetch(self, *, refused: bool) -> Material:  # noqa: ARG002 - nothing newer exists
        """Return it."""
        return self.material


@dataclass(frozen=True, slots=True)
class JoinedSource:
    """Several sources as one identity: a certificate and a token, say. The earliest end of freshness counts."""

    sources: tuple[Source, ...]

    async def fetch(self, *, refused: bool) -> Material:
        """Get each in order and join them; the first certificate wins."""
        parts = [await source.fetch(refused=refused) for source in self.sources]
        ends = [part.fresh_until for part in parts if part.fresh_until is not None]
        certified = next((part for part in parts if part.certificate_pem is not None), Material())
        return Material(
            headers=tuple(header for part in parts for header in part.headers),
            certificate_pem=certified.certificate_pem,
            key_pem=certified.key_pem,
            fresh_until=min(ends, default=None),
        )


class RotatingCredentials:
    """Credentials over a source: refreshed when they run out, renewed when refused."""

    def __init__(self, source: Source, now: Callable[[], float], whose: str = "") -> None:
        self._source = source
        self._now = now
        self._whose = whose
        self._held: Credential | None = None
        self._fresh_until: float | None = None
        self._flight: asyncio.Task[Credential] | None = None
        self._flight_refused = False
        self._failed: tuple[float, PodiumError] | None = None
        self._fruitless: tuple[float, int] | None = None

    async def current(self) -> Credential:
        """Return the credential to use now; raises ClusterError where none can be had."""
        if self._held is not None and (self._fresh_until is None or self._now() < self._fresh_until):
            return self._held
        return await self._join(refused=False)

    async def renew(self, refused: Credential) -> Credential | None:
        """Return another credential after a 401 to `refused`, or None.

        Raises ClusterError where the source fails, and where the refused certificate is plainly expired.
        """
        if self._held is not None and self._held.generation != refused.generation:
            return await self.current()
        fruitless = self._fruitless
        if fruitless is not None and fruitless[1] == refused.generation and self._now() < fruitless[0]:
            _blame_expiry(refused, self._now(), self._whose)
            return None
        if self._flight is not None and not self._flight.done() and not self._flight_refused:
            # This flight may end with what is cached somewhere; only the next one knows of the refusal.
            refreshed = await self._join(refused=False)
            if refreshed.generation != refused.generation:
                return refreshed
        renewed = await self._join(refused=True)
        if renewed.generation != refused.generation:
            return renewed
        _blame_expiry(refused, self._now(), self._whose)
        return None

    async def _join(self, *, refused: bool) -> Credential:
        if self._failed is not None and self._now() < self._failed[0]:
            # A fresh copy: one exception raised in many tasks would gather all their tracebacks.
            raise type(self._failed[1])(str(self._failed[1]))
        if self._flight is None or self._flight.done():
            self._flight_refused = refused
            self._flight = asyncio.create_task(self._fly(refused=refused))
            # Whoever waits hears of its failure; where all gave up, nobody needs to.
            self._flight.add_done_callback(lambda flight: flight.cancelled() or flight.exception())
        # Shielded: who gives up waiting must not end the flight of the others.
        return await asyncio.shield(self._flight)

    async def _fly(self, *, refused: bool) -> Credential:
        try:
            material = await self._source.fetch(refused=refused)
        except PodiumError as error:
            self._failed = (self._now() + _FAILURE_HOLDS, error)
            raise
        except OSError as error:
            raise ClusterError(f"credentials cannot be had: {error.strerror or type(error).__name__}") from None
        self._failed = None
        self._fresh_until = None if material.fresh_until is None else max(material.fresh_until, self._now() + _AT_LEAST)
        before, self._held = self._held, self._as_credential(material)
        if refused and self._held is before:
            self._fruitless = (self._now() + _FRUITLESS_HOLDS, self._held.generation)
        return self._held

    def _as_credential(self, material: Material) -> Credential:
        held = self._held
        same = (
            held is not None
            and held.headers == material.headers
            and held.certificate_pem == material.certificate_pem
            and held.key_pem == material.key_pem
        )
        if held is not None and same:
            return held
        return Credential(
            generation=0 if held is None else held.generation + 1,
            headers=material.headers,
            certificate_pem=material.certificate_pem,
            key_pem=material.key_pem,
        )


def _blame_expiry(refused: Credential, now: float, whose: str) -> None:
    """Raise ClusterError where the refused certificate is plainly expired."""
    ends = None if refused.certificate_pem is None else ends_at(refused.certificate_pem)
    if ends is not None and ends.timestamp() < now:
        raise ClusterError(
            f"the client certificate{whose} expired on {ends:%Y-%m-%d %H:%M} UTC, and the server refused it; "
            "get a new kubeconfig or certificate"
        )
