"""The programs `podium` and `kubectl-podium`: split argv, call the verb, turn every end into an exit status."""

from __future__ import annotations

import errno
import itertools
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from podium.apps.cli import render
from podium.apps.cli.ends import CTRL_C, EndedEarlyError
from podium.apps.cli.verbs import Behind, Podium
from podium.domain.errors import (
    AdmissionError,
    ClusterError,
    NotAllowedError,
    NothingMatchedError,
    PodiumError,
    UsageError,
)

_STATUSES: tuple[tuple[type[PodiumError], int], ...] = (
    (UsageError, 2),
    (NotAllowedError, 6),
    (ClusterError, 4),
    (NothingMatchedError, 3),
)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})
BUG = 1


def entry() -> NoReturn:
    """Run as a console script."""
    render.mend()
    sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str]) -> int:
    """Run one command line and return its exit status; never raises, never prints a traceback without -v."""
    before, behind = split(argv)
    try:
        status = _call(before, behind)
        render.flush()
    except render.StdoutError as error:
        render.abandon()
        render.error(str(error))
        return BUG
    except BrokenPipeError:
        # Somebody stopped reading (`| head`): one Ctrl-C.
        render.abandon()
        return CTRL_C.status
    except (KeyboardInterrupt, click.Abort):
        render.abandon()
        return CTRL_C.status
    return status


def split(argv: Sequence[str]) -> tuple[list[str], Behind]:
    """Part the command line at its first `--`: ours before it, the command's behind it."""
    if "--" not in argv:
        return list(argv), Behind(None)
    place = list(argv).index("--")
    return list(argv[:place]), Behind(tuple(argv[place + 1 :]))


def status_of(error: PodiumError) -> int:
    """The exit status of an error that was expected."""
    if isinstance(error, EndedEarlyError):
        return error.cause.status
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), BUG)


def _call(before: Sequence[str], behind: Behind) -> int:
    try:
        return _invoke(before, behind)
    except (KeyboardInterrupt, BrokenPipeError, click.Abort, render.StdoutError):
        raise
    except click.ClickException as error:
        return _refuse(before, UsageError(_words_of(error)))
    except PodiumError as error:
        return _refuse(before, error)
    except OSError as error:
        if error.errno in _FULL:  # click's own writing, of the help
            raise render.StdoutError(f"cannot write to stdout: {error.strerror}") from None
        if error.filename is None:
            return _bug(before, error)
        return _refuse(before, UsageError(f"{error.filename}: {error.strerror}"))
    except Exception as error:  # noqa: BLE001 - the last line of defence: a bug is one line too
        return _bug(before, error)


def _invoke(before: Sequence[str], behind: Behind) -> int:
    """What click's own main does, but for its way with a broken pipe, which hides it."""
    asked = os.environ.get("_PODIUM_COMPLETE")
    if asked:
        from click.shell_completion import shell_complete

        return shell_complete(Podium(), {}, "podium", "_PODIUM_COMPLETE", asked)
    podium = Podium()
    try:
        with podium.make_context("podium", list(before), obj=behind) as context:
            status = podium.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    return status if isinstance(status, int) else 0


def _refuse(before: Sequence[str], error: PodiumError) -> int:
    if isinstance(error, AdmissionError):
        return _bug(before, error)
    status = status_of(error)
    text = str(error)
    if _wants_traceback(before):
        render.traceback(error)
    if _wants_format(before, "json") or _wants_format(before, "jsonl"):
        from podium.apps.cli.wire_json import encode, failure, failure_line

        shape = failure_line(error, status) if _wants_format(before, "jsonl") else failure(error, status)
        render.write_out(encode(shape) + b"\n")
    render.error(text)
    return status


def _bug(before: Sequence[str], error: Exception) -> int:
    if _wants_traceback(before):
        render.traceback(error)
        render.error(f"a bug: {type(error).__name__}: {error}")
    else:
        render.error(f"a bug: {type(error).__name__}: {error} (run with -v for the traceback)")
    return BUG


def _words_of(error: click.ClickException) -> str:
    text = " ".join(error.format_message().split())
    return text[:1].lower() + text[1:].removesuffix(".")


def _wants_traceback(before: Sequence[str]) -> bool:
    return any(word in ("-v", "-vv", "-vvv", "--verbose") for word in before)


def _wants_format(before: Sequence[str], form: str) -> bool:
    """Whether `-o FORMAT` can be understood, also where the rest of the line cannot."""
    pairs = itertools.pairwise(before)
    apart = any(word in {"-o", "--output"} and after == form for word, after in pairs)
    return apart or any(word in {f"-o{form}", f"-o={form}", f"--output={form}"} for word in before)
