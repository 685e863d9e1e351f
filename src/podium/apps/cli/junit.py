"""-o junit: a run as a test suite, for CI: failed is a failure, what may not have run is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from podium.apps.cli.wire_json import Read
from podium.domain.events import Finished
from podium.domain.inventory import Unreached
from podium.domain.outcomes import Cancelled, Failed, Skipped, Succeeded, TimedOut, name_of, reason_of
from podium.domain.selection import LeftOut
from podium.features.exec.report import Report

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def suite(report: Report, read: Read, limit: int) -> Iterator[bytes]:
    """Write the suite in pieces, a test case a target; what should have run and did not is one, too."""
    for piece in _pieces(report, read, limit):
        yield piece.encode("utf-8")


def _pieces(report: Report, read: Read, limit: int) -> Iterator[str]:
    cases = list(report.ends.values())
    left_out = report.resolution.left_out
    failures = sum(_tag(end) == "failure" for end in cases)
    errors = sum(_tag(end) == "error" for end in cases) + len(report.unreached)
    skipped = sum(_tag(end) == "skipped" for end in cases)
    errors += sum(_counts(left, report) for left in left_out)
    skipped += sum(not _counts(left, report) for left in left_out)
    total = len(cases) + len(left_out) + len(report.unreached)
    command = report.plan.command.title
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield (
        f'<testsuite name={_attribute("podium exec -- " + command)} tests="{total}" failures="{failures}" '
        f'errors="{errors}" skipped="{skipped}" time="{report.seconds:.3f}" id={_attribute(report.plan.run)}>\n'
    )
    for end in cases:
        yield from _case(end, read, limit)
    for left in left_out:
        yield _left_out(left, report)
    for one in report.unreached:
        yield _unreached(one)
    yield "</testsuite>\n"


def _tag(end: Finished) -> str:
    match end.outcome:
        case Succeeded():
            return ""
        case Failed() | TimedOut():
            return "failure"
        case Skipped() | Cancelled():
            return "skipped"
        case _:
            return "error"


def _case(end: Finished, read: Read, limit: int) -> Iterator[str]:
    target = end.target
    yield (
        f"<testcase classname={_attribute(f'{target.cluster}.{target.namespace}')} "
        f'name={_attribute(f"{target.pod}/{target.container}")} time="{end.seconds:.3f}">'
    )
    tag = _tag(end)
    if tag:
        yield f'<{tag} type="{name_of(end.outcome)}" message={_attribute(_message(end))}/>'
    for name, stream in (("system-out", end.answer.stdout), ("system-err", end.answer.stderr)):
        if stream.size > 0:
            yield f"<{name}>{escape(_clean(read(stream, limit).decode('utf-8', 'replace')))}</{name}>"
    yield "</testcase>\n"


def _message(end: Finished) -> str:
    words = [name_of(end.outcome).replace("_", " ")]
    if isinstance(end.outcome, Failed):
        words.append(f"with exit code {end.outcome.exit_code}")
    reason = reason_of(end.outcome)
    return " ".join(words) + (f": {reason}" if reason is not None else "")


def _counts(left: LeftOut, report: Report) -> bool:
    return left.should_run and not report.allow_skipped


def _left_out(left: LeftOut, report: Report) -> str:
    tag = "error" if _counts(left, report) else "skipped"
    name = f"{left.pod.name}/{left.container}" if left.container else left.pod.name
    return (
        f"<testcase classname={_attribute(f'{left.pod.cluster}.{left.pod.namespace}')} name={_attribute(name)} "
        f'time="0"><{tag} {"type=" + _attribute("left_out") + " " if tag == "error" else ""}'
        f"message={_attribute('left out: ' + left.label)}/></testcase>\n"
    )


def _unreached(one: Unreached) -> str:
    name = one.namespace or "(the whole cluster)"
    return (
        f'<testcase classname={_attribute(one.cluster)} name={_attribute(name)} time="0">'
        f'<error type="unreached" message={_attribute(f"{one.reason.value}: {one.detail}")}/></testcase>\n'
    )


def _attribute(text: str) -> str:
    return quoteattr(_clean(text))


def _clean(text: str) -> str:
    """XML 1.0 cannot hold control characters, not even escaped."""
    return _NOT_XML.sub("\ufffd", text)
