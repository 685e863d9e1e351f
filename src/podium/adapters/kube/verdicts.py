"""From what the wire brought to an outcome: pure, and the heart of honesty.

*Rejected* needs proof that the command never began; whatever else lacks an exit status is *lost*. The table of
never-began messages holds what Kubernetes 1.36 on containerd 1.6 and runc 1.1 was seen to say (tests/cluster);
rows marked `source` were read in the source of the runtime named and not run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from podium.adapters.kube.loader import BAD_CWD
from podium.domain.outcomes import Failed, Lost, Outcome, Proof, Reason, Rejected, Succeeded, Why

V4 = "v4.channel.k8s.io"
V5 = "v5.channel.k8s.io"
DETAIL_AT_MOST = 300
STATUS_AT_MOST = 64 * 1024


class _Cause(msgspec.Struct, gc=False):
    reason: str = ""
    message: str = ""


class _Details(msgspec.Struct, gc=False):
    causes: list[_Cause] = []


class Status(msgspec.Struct, gc=False):
    """The part of a meta/v1 Status that says how an exec ended."""

    kind: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    code: int = 0
    details: _Details | None = None

    @property
    def exit_code(self) -> int | None:
        """The ExitCode cause (KEP-4006, remotecommand v4), None where there is none or it is no number."""
        for cause in self.details.causes if self.details else ():
            if cause.reason == "ExitCode":
                try:
                    return int(cause.message)
                except ValueError:
                    return None
        return None


def parse_status(raw: bytes) -> Status | None:
    """Read a Status; None for anything that is not one, or too long to be one."""
    if len(raw) > STATUS_AT_MOST:
        return None
    try:
        status = msgspec.json.decode(raw, type=Status)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return status if status.status else None


@dataclass(frozen=True, slots=True)
class NeverBegan:
    """A message that proves that the command never began."""

    pattern: re.Pattern[str]
    why: Why
    seen_on: str


def _row(pattern: str, why: Why, seen_on: str) -> NeverBegan:
    return NeverBegan(re.compile(pattern, re.IGNORECASE | re.DOTALL), why, seen_on)


_RUNC = "containerd 1.6, runc 1.1"
NEVER_BEGAN = (
    _row(r"exec: .*: executable file not found in \$PATH", Why.NO_EXECUTABLE, _RUNC),
    _row(r"exec: .*: (stat .*: )?no such file or directory", Why.NO_EXECUTABLE, _RUNC),
    _row(r"exec: .*: permission denied", Why.NOT_EXECUTABLE, _RUNC),
    _row(r"exec: .*: (stat .*: )?not a directory", Why.NO_EXECUTABLE, _RUNC),
    _row(r"exec: .*: is a directory", Why.NOT_EXECUTABLE, "source: runc"),
    _row(r"exec format error", Why.NOT_EXECUTABLE, "source: runc"),
    _row(r"executable file .* not found in \$PATH", Why.NO_EXECUTABLE, "source: crun, CRI-O"),
    _row(r"container is in CONTAINER_\w+ state", Why.NOT_RUNNING, _RUNC),
    _row(r"failed to load task: no running task found", Why.NOT_RUNNING, "source: containerd"),
    _row(r"cannot exec in a (stopped|deleted) (container|state)", Why.NOT_RUNNING, "source: containerd, runc"),
    _row(r"cannot exec a container that has stopped", Why.NOT_RUNNING, "source: runc"),
    _row(r"an error occurred when try to find container", Why.CONTAINER_NOT_FOUND, "source: containerd"),
    _row(r"container not found \(", Why.CONTAINER_NOT_FOUND, "kubelet 1.36"),
    _row(r"unable to upgrade connection: pod does not exist", Why.NOT_FOUND, "kubelet 1.36"),
    _row(r"dial tcp [^ ]*:? ?.*(connection refused|i/o timeout|no route to host|network is unreachable)",
         Why.NODE_UNREACHABLE, "API server 1.36"),
    _row(r"error dialing backend: (dial|tls|x509|remote error|no such host|proxy)", Why.NODE_UNREACHABLE,
         "API server 1.36"),
    _row(r"grpc: error while marshaling", Why.REFUSED, "kubelet 1.36, of an argv that is no UTF-8"),
    _row(r"no preferred addresses found", Why.NODE_UNREACHABLE, "source: API server"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one stream brought.

    `broken`: "" for a close handshake, else how the connection ended; `stalled`: we ourselves had held it back.
    """

    protocol: str
    status: bytes | None
    mark: str | None = None
    expects_mark: bool = False
    broken: str = ""
    stalled: bool = False
    argv: tuple[str, ...] = ()
    by_shell: bool = False
    cwd: str = ""


def decide(evidence: Evidence) -> Outcome:
    """Say how a stream that was opened ended."""
    if evidence.mark == BAD_CWD and evidence.cwd:
        return Rejected(Reason(Why.BAD_CWD, _text(evidence.cwd)))
    runtime_spoke = evidence.protocol == V4 and evidence.status is not None
    if evidence.mark is not None and evidence.mark.isdigit() and not runtime_spoke:
        return _exited(int(evidence.mark), Proof.MARK, evidence)
    if evidence.status is None:
        if evidence.broken:
            return Lost(Reason(Why.STALLED if evidence.stalled else Why.BROKEN, evidence.broken))
        return Lost(Reason(Why.NO_STATUS))
    status = parse_status(evidence.status)
    if status is None:
        # What was cut may be argv: nothing of it can be shown.
        return Lost(Reason(Why.UNKNOWN_STATUS, f"{len(evidence.status)} bytes that are no Status"))
    if status.status == "Success":
        return _success(evidence)
    code = status.exit_code
    if code is not None and code != 0:
        return _exited(code, Proof.TRANSLATED if evidence.protocol == V5 else Proof.RUNTIME, evidence)
    return _unproven(status, evidence)


def _success(evidence: Evidence) -> Outcome:
    if evidence.expects_mark and evidence.protocol == V5:
        return Lost(Reason(Why.NO_STATUS, "the API server says Success, but the command's end mark never came"))
    return Succeeded(Proof.TRANSLATED if evidence.protocol == V5 else Proof.RUNTIME)


def _exited(code: int, proof: Proof, evidence: Evidence) -> Outcome:
    if code == 0:
        return Succeeded(proof)
    if evidence.by_shell and code in (126, 127):
        hint = "the shell could not run it" if code == 126 else "the shell did not find it"
        return Failed(code, proof, Reason(Why.NOT_FOUND_IN_SHELL, hint))
    return Failed(code, proof)


def _unproven(status: Status, evidence: Evidence) -> Outcome:
    why = never_began(_without_argv(status.message, evidence.argv))
    if why is None:
        return Lost(Reason(Why.UNKNOWN_STATUS, mask(status.message or status.reason, evidence.argv)))
    if why in (Why.NO_EXECUTABLE, Why.NOT_EXECUTABLE):
        first = _text(evidence.argv[0]) if evidence.argv else ""
        return Rejected(Reason(Why.NO_SHELL)) if evidence.by_shell else Rejected(Reason(why, f'"{first}"'))
    return Rejected(Reason(why, mask(status.message, evidence.argv)))


def never_began(message: str) -> Why | None:
    """Which row of the table a message matches."""
    for row in NEVER_BEGAN:
        if row.pattern.search(message):
            return row.why
    return None


#: What a 403 without a reason means: the check that 1.35 added says nothing (registry/core/pod/rest/subresources.go).
UNTOLD = "it gives no reason; from Kubernetes 1.35 on exec needs `create` on pods/exec beside `get`"
_BY_HTTP_STATUS = {
    400: Why.REFUSED,
    401: Why.UNAUTHORIZED,
    403: Why.FORBIDDEN,
    404: Why.NOT_FOUND,
    429: Why.THROTTLED,
}


def refused(code: int, body: bytes, argv: tuple[str, ...]) -> Outcome:
    """Say what an HTTP answer other than 101 means: the API server's or the kubelet's is a rejection in their words.

    An answer of 500 and above that is neither a Status nor known text may be a proxy's own, after it passed the
    request on: lost.
    """
    status = parse_status(body)
    text = status.message if status is not None and status.message else body.decode("utf-8", "replace").strip()
    words = mask(text, argv)
    if code == 403 and words.endswith("is forbidden:"):
        words += f" {UNTOLD}"
    said = _without_argv(text, argv)
    why = never_began(said) or _special(said)
    if why is not None:
        return Rejected(Reason(why, words))
    if code < 500:
        return Rejected(Reason(_BY_HTTP_STATUS.get(code, Why.REFUSED), words or f"HTTP {code}"))
    return Lost(Reason(Why.NO_ANSWER, f"HTTP {code}: {words}" if words else f"HTTP {code}"))


def _special(text: str) -> Why | None:
    if "cannot exec into a container in a completed pod" in text:
        return Why.NOT_RUNNING
    if re.search(r"container .* is not valid for pod", text):
        return Why.CONTAINER_NOT_FOUND
    if "does not have a host assigned" in text:
        return Why.NOT_RUNNING
    return None


def mask(text: str, argv: tuple[str, ...]) -> str:
    """Cut a message to one bounded line without the argv beyond its first word."""
    if len(argv) > 1:
        for joined in ("[" + " ".join(argv) + "]", " ".join(argv)):
            text = text.replace(joined, f"[{argv[0]} …]")
        for word in sorted(argv[1:], key=len, reverse=True):
            if len(word) > 3:
                for form in _forms(word):
                    text = text.replace(form, "…")
    text = _QUERY.sub("command=…", text)
    text = _ID.sub("…", " ".join(_text(text).split()))
    return text if len(text) <= DETAIL_AT_MOST else text[: DETAIL_AT_MOST - 1] + "…"


_ID = re.compile(r"\b[0-9a-f]{32,}\b")  # an exec's own id would keep equal reasons from folding


_QUERY = re.compile(r"command=[^\s&\"'<>]*")  # error pages of proxies repeat the URL


def _forms(word: str) -> tuple[str, ...]:
    """A word as others repeat it: plain, in a URL, as Go's %q and in HTML (Go's and Python's quotes)."""
    page = word.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    url = (quote(word, safe=safe, errors="surrogateescape") for safe in ("", "/"))
    pages = (page.replace('"', one).replace("'", two) for one, two in (("&#34;", "&#39;"), ("&quot;", "&#x27;")))
    return (word, *url, *pages, word.replace("\\", "\\\\").replace('"', '\\"'))


def _without_argv(text: str, argv: tuple[str, ...]) -> str:
    """A runtime's words may repeat the command as Go prints a list: what it says proves nothing."""
    return text.replace("[" + " ".join(argv) + "]", "[]")


def _text(text: str) -> str:
    """What the system took for text may be none (PEP 383), and cannot be kept or shown."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
