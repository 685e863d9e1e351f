"""A callback: a document to a command's stdin, or by POST to a URL."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from urllib.parse import urlsplit

ATTEMPTS = 4  #: of a POST
PAUSE = 0.5  #: seconds before the second attempt, twice as long before each further one
TIMEOUT = 10.0  #: seconds of one POST
PATIENCE = 60.0  #: seconds a command may take


def is_url(where: str) -> bool:
    """Whether it is a URL to POST to; anything else is a line for a shell."""
    return where.startswith(("http://", "https://"))


async def call_back(where: str, document: bytes, agent: str = "podium") -> str:
    """Hand a JSON document over, as `agent`; gives "" or, in one line without the URL's query, why that failed."""
    return await (_post(where, document, agent) if is_url(where) else _pipe(where, document))


async def _post(url: str, document: bytes, agent: str) -> str:
    error = ""
    for attempt in range(ATTEMPTS):
        if attempt > 0:
            await asyncio.sleep(PAUSE * 2 ** (attempt - 1))
        error, can_pass = await asyncio.to_thread(_post_once, url, document, agent)
        if not error or not can_pass:
            break
    return f"{_without_secrets(url)}: {error}" if error else ""


def _post_once(url: str, document: bytes, agent: str) -> tuple[str, bool]:
    """What went wrong, "" for nothing, and whether it can pass: no answer, 429 or 5xx (RFC 9110)."""
    headers = {"Content-Type": "application/json", "User-Agent": agent}
    request = urllib.request.Request(url, document, headers, method="POST")  # noqa: S310 - http and https only
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT):  # noqa: S310
            return "", False
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}", error.code == 429 or error.code >= 500
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return f"{reason}", True


async def _pipe(line: str, document: bytes) -> str:
    process = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", line, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(PATIENCE):
            await process.communicate(document)
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"the command took longer than {PATIENCE:g} s"
    except BrokenPipeError:
        await process.wait()
    return f"the command ended with exit {process.returncode}" if process.returncode != 0 else ""


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{parts.path}"
