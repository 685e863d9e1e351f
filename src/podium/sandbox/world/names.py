"""Make names, UIDs and addresses as Kubernetes does, from one seeded source."""

import hashlib
import random
import uuid

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""rand.SafeEncodeString's letters: no vowels, no look-alikes."""


class Names:
    """A source of names; equal seeds give equal names."""

    def __init__(self, seed: int | None) -> None:
        """Begin with a seed, or with chance."""
        self.random = random.Random(seed)

    def uid(self) -> str:
        """Return a fresh UID."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def suffix(self, size: int = 5) -> str:
        """Return a generateName suffix."""
        return "".join(self.random.choices(ALPHABET, k=size))

    def between(self, low: int, high: int) -> int:
        """Return a whole number from low to high."""
        return self.random.randint(low, high)


def template_hash(*parts: str) -> str:
    """Return a pod-template-hash: stable for equal templates."""
    digest = hashlib.sha256("/".join(parts).encode()).digest()
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:10])


def pod_address(number: int) -> str:
    """Return the number-th pod address, 10.244.0.2 and on."""
    number += 2
    return f"10.{244 + number // 65536}.{number // 256 % 256}.{number % 256}"


def node_address(number: int) -> str:
    """Return the number-th node address, 10.0.0.1 and on."""
    number += 1
    return f"10.0.{number // 256}.{number % 256}"
