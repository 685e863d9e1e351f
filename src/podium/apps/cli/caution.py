"""The Care flags, and the retries of Pace, as one Caution."""

from __future__ import annotations

from podium.apps.cli.verbs import Flags
from podium.domain.errors import UsageError
from podium.domain.units import Share, parse_share
from podium.features.exec.request import Caution
from podium.runner import retry
from podium.runner.order import Order
from podium.runner.waves import parse_marks


def read_caution(flags: Flags) -> Caution:
    """Read what is done about bad ends, and in what steps; raises UsageError."""
    marks = flags.text("waves")
    order = flags.text("order")
    return Caution(
        retry=_retry(flags),
        max_failures=_share(flags, "max_failures"),
        max_lost=_share(flags, "max_lost"),
        max_rejected=_share(flags, "max_rejected"),
        strict=flags.is_set("strict"),
        marks=() if marks is None else parse_marks(marks),
        canary=flags.is_set("canary"),
        order=Order.SPREAD if order is None else Order(order),
        max_per_workload=_share(flags, "max_per_workload"),
    )


def _retry(flags: Flags) -> retry.RetryPolicy:
    default = retry.RetryPolicy()
    retries = flags.count("retries")
    if retries is not None and retries > retry.AT_MOST:
        raise UsageError(f"--retries: at most {retry.AT_MOST}")
    return retry.RetryPolicy(
        retries=default.retries if retries is None else retries,
        on_exit=_codes(flags.text("retry_on_exit")),
        idempotent=flags.is_set("idempotent"),
    )


def _codes(text: str | None) -> frozenset[int]:
    if text is None:
        return frozenset()
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and 1 <= int(word) <= 255 for word in words):
        raise UsageError(f"--retry-on-exit: not exit codes from 1 to 255: {text!r}")
    return frozenset(int(word) for word in words)


def _share(flags: Flags, name: str) -> Share | None:
    text = flags.text(name)
    if text is None:
        return None
    try:
        return parse_share(text)
    except UsageError as error:
        raise UsageError(f"--{name.replace('_', '-')}: {error}") from None
