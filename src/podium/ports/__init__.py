"""Every way out of the program: the whole list of what Podium can do to the world.

Ports speak domain values only. An adapter's promise is the docstring here; each has a contract suite under
tests/adapters that every implementation passes.
"""

from __future__ import annotations

from podium.ports.clock import Clock
from podium.ports.cluster import Change, Exec, Flow, Inventory, Output, Reviews, Wanted
from podium.ports.store import AuditTrail, Blobs, Capture, Journal, Journals, Runs

__all__ = [
    "AuditTrail",
    "Blobs",
    "Capture",
    "Change",
    "Clock",
    "Exec",
    "Flow",
    "Inventory",
    "Journal",
    "Journals",
    "Output",
    "Reviews",
    "Runs",
    "Wanted",
]
