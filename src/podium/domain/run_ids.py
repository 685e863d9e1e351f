"""Names of runs: they sort by time, and a prefix is enough to say."""

from __future__ import annotations

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 26
SHORT = 10


def run_id(wall: float, randomness: bytes) -> str:
    """Write a ULID: 48 bits of milliseconds since the epoch and 80 random bits, in Crockford's base 32."""
    if len(randomness) != 10:
        raise ValueError("a run id takes 10 random bytes")
    number = (int(wall * 1000) << 80) | int.from_bytes(randomness, "big")
    return "".join(_ALPHABET[(number >> (5 * place)) & 31] for place in reversed(range(LENGTH)))


def short(run: str) -> str:
    """What headers show of it: the time part, unambiguous among the runs of one person."""
    return run[:SHORT]
