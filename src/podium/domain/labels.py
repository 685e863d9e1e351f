"""Label selectors by the API server's grammar (apimachinery labels.Parse)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """A parsed `-l` text; all of its requirements must hold."""

    text: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels meet every requirement."""
        raise NotImplementedError
