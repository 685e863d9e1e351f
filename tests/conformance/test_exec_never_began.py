"""What a cluster says of commands that never began, word for word, and what podium makes of each.

tests/data/never-began holds the words of Kubernetes 1.36 (containerd 1.6, runc 1.1) on every wire path; the sandbox,
which plays 1.36, says what cluster A says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from podium.adapters.kube.verdicts import V4, V5, Evidence, decide, refused
from podium.domain.outcomes import Lost, Rejected, Why
from support.places import ROOT, Place
from support.wire import Asked, Heard, hear

Row = Mapping[str, Any]
ROWS: list[Row] = json.loads((ROOT / "tests" / "data" / "never-began" / "kubernetes-1.36.json").read_text())


def rows_of(place: Place) -> list[Row]:
    name = place.name if place.is_real else "real-a"
    return [row for row in ROWS if name in row["places"]]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['case']}-{row['protocol']}-{row['places'][0]}")
def test_each_word_of_a_real_cluster_is_a_rejection(row: Row) -> None:
    argv = tuple(row["argv"])
    if row["http"] == 101:
        status = {"status": "Failure", "message": row["message"], "reason": "InternalError", "code": 500}
        said = json.dumps(status).encode()
        outcome = decide(Evidence(V4 if row["protocol"] == "v4" else V5, said, argv=argv))
    else:
        outcome = refused(row["http"], row["message"].encode(), argv)
    assert isinstance(outcome, Rejected), outcome
    assert outcome.reason.why is Why[row["why"]]
    assert "hunter2" not in str(outcome)


def test_the_cluster_says_these_words(place: Place) -> None:
    rows = rows_of(place)
    asked = [Asked(row["pod"], row["container"], tuple(row["argv"]), row["protocol"]) for row in rows]
    heard = hear(place, asked)
    expected = [_told(row["case"], row["protocol"], row["http"], row["message"]) for row in rows]
    assert [_heard(row, one) for row, one in zip(rows, heard, strict=True)] == expected


def _heard(row: Row, one: Heard) -> str:
    return _told(row["case"], row["protocol"], one.http, one.message)


def _told(case: str, protocol: str, http: int, message: str) -> str:
    return f"{case} {protocol}: {http} {message}"


def test_argv_in_a_message_proves_nothing() -> None:
    argv = ("sh", "-c", 'echo exec: "x": permission denied; container not found (')
    message = f"Internal error occurred: error executing command [{' '.join(argv)}]: broken"
    said = json.dumps({"status": "Failure", "message": message, "reason": "InternalError", "code": 500}).encode()
    assert isinstance(decide(Evidence(V4, said, argv=argv)), Lost)
