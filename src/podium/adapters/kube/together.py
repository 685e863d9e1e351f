"""Work of one snapshot, at once: an error is raised as itself, not in a group, after the rest has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

One = TypeVar("One")
Other = TypeVar("Other")


async def together(work: Sequence[Coroutine[Any, Any, One]]) -> list[One]:
    """Wait for all, their values in order; the first error ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
    except ExceptionGroup as failed:
        raise first_of(failed) from None
    return [task.result() for task in tasks]


async def both(one: Coroutine[Any, Any, One], other: Coroutine[Any, Any, Other]) -> tuple[One, Other]:
    """Wait for two values of different kinds; the first error ends the other."""
    try:
        async with asyncio.TaskGroup() as group:
            first, second = group.create_task(one), group.create_task(other)
    except ExceptionGroup as failed:
        raise first_of(failed) from None
    return first.result(), second.result()


def first_of(failed: ExceptionGroup[Exception]) -> Exception:
    """The first error that is no group itself."""
    found = failed.exceptions[0]
    return first_of(found) if isinstance(found, ExceptionGroup) else found
