"""Replace what is bound to differ between targets: own names and addresses, times, numbers, a user's pattern."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from podium.domain.errors import UsageError
from podium.domain.events import Stream
from podium.domain.grouping import digest_normal
from podium.domain.inventory import Pod
from podium.domain.targets import Target

#: How much of a stream is looked at. Beyond it answers are equal only where all their bytes are.
LOOKED_AT = 256 * 1024

Substitute = Callable[[bytes], bytes]  #: replaces each match of a user's pattern
Read = Callable[[Stream, int], bytes]  #: gives the kept bytes of a stream, at most so many

_MONTH = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = rb"\d{2}:\d{2}:\d{2}(?:[.,]\d+)?"
_ZONE = rb"(?:Z|(?: ?[+-]\d{2}:?\d{2})|(?: (?:UTC|GMT|[A-Z]{2,3}T)))?(?![A-Za-z0-9])"
_TIME = re.compile(
    rb"(?<![0-9A-Za-z])(?:"
    rb"\d{4}[-/]\d{2}[-/]\d{2}(?:[T ]" + _CLOCK + rb")?" + _ZONE + rb"|"
    rb"\d{2}/" + _MONTH + rb"/\d{4}:" + _CLOCK + _ZONE + rb"|"
    rb"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?" + _MONTH + rb" {1,2}\d{1,2} " + _CLOCK + _ZONE + rb"(?: \d{4})?|"
    rb"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?\d{1,2} " + _MONTH + rb" \d{4} " + _CLOCK + _ZONE + rb"|"
    rb"[IWEF]\d{4} " + _CLOCK + rb"|" + _CLOCK + _ZONE + rb")"
)
# A number is digits that start a word and end it, or have a unit of up to three letters: not web2, not 6f9c1b.
_NUMBER = re.compile(rb"(?<![\w.])(?:0x[0-9A-Fa-f]+|\d+(?:\.\d+)*)(?=[A-Za-z%]{0,3}(?!\w))")
_NAME_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


@dataclass(frozen=True, slots=True)
class Normal:
    """What `--normalize` replaces: <name> <ip> <node> <uid>, <time>, <number>, and what the patterns say."""

    own: bool = True
    times: bool = True
    numbers: bool = True
    patterns: tuple[Substitute, ...] = ()


def parse_normal(text: str, compiled: Callable[[str], Substitute]) -> Normal:
    """Read the value of `--normalize`: words own, time, number, then at most one pattern, which may hold commas.

    Empty means all three words. `compiled` makes the pattern (RE2) at the edge. Raises UsageError, as `compiled` may.
    """
    if not text:
        return Normal()
    words: set[str] = set()
    rest = text
    while rest:
        word, comma, after = rest.partition(",")
        if word not in ("own", "time", "number"):
            break
        words.add(word)
        rest = after
        if comma and not after:
            raise UsageError(f"--normalize={text} ends in a comma: give own, time, number or a pattern after it")
    patterns = (compiled(rest),) if rest else ()
    return Normal("own" in words, "time" in words, "number" in words, patterns)


def own_words(target: Target, pod: Pod) -> tuple[tuple[bytes, bytes], ...]:
    """What a target calls itself, with what stands for it; the longest first."""
    words = {pod.uid: b"<uid>", pod.ip: b"<ip>", target.node: b"<node>", target.pod: b"<name>"}
    return tuple(
        sorted(((word.encode(), mark) for word, mark in words.items() if word), key=lambda each: -len(each[0]))
    )


def replace_own(data: bytes, words: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """Replace each word where it stands alone: web-1 not in web-10, 10.0.0.1 not in 10.0.0.12."""
    for word, mark in words:
        if word in data:
            data = _replace_whole(data, word, mark)
    return data


def replace_common(data: bytes, normal: Normal) -> bytes:
    """Replace what is the same act for every target: the user's patterns first, then times, then numbers."""
    for pattern in normal.patterns:
        data = pattern(data)
    if normal.times:
        data = _TIME.sub(b"<time>", data)
    if normal.numbers:
        data = _NUMBER.sub(b"<number>", data)
    return data


@dataclass(slots=True)
class Normaliser:
    """Normalises answers of one run, each distinct text once; `digest` is a grouping.Normalise."""

    normal: Normal
    pods: Mapping[Target, Pod]
    read: Read
    _last: tuple[bytes, bytes] = (b"", b"")  # digest and bytes: members of a raw group come one after the other
    _digests: dict[bytes, bytes] = field(default_factory=dict)

    def text(self, target: Target, stream: Stream) -> bytes:
        """What stands for the looked-at part of a stream."""
        return replace_common(self._own_replaced(target, stream), self.normal)

    def digest(self, target: Target, stream: Stream) -> bytes:
        """Digest what stands for a stream: equal for answers that differ only in what is replaced."""
        if stream.size == 0:
            return b""
        data = self._own_replaced(target, stream)
        seen = len(self._last[1])
        raw = digest_normal(data, stream, seen)
        known = self._digests.get(raw)
        if known is None:
            known = self._digests[raw] = digest_normal(replace_common(data, self.normal), stream, seen)
        return known

    def _own_replaced(self, target: Target, stream: Stream) -> bytes:
        if self._last[0] != stream.digest:
            self._last = (stream.digest, self.read(stream, LOOKED_AT))
        data = self._last[1]
        pod = self.pods.get(target)
        return replace_own(data, own_words(target, pod)) if self.normal.own and pod is not None else data


def _replace_whole(data: bytes, word: bytes, mark: bytes) -> bytes:
    parts: list[bytes] = []
    begin = 0
    at = data.find(word)
    while at >= 0:
        end = at + len(word)
        before, after = data[at - 1 : at] if at else b"", data[end : end + 1]
        if not (before and before[0] in _NAME_BYTES) and not (after and after[0] in _NAME_BYTES):
            parts += (data[begin:at], mark)
            begin = end
        at = data.find(word, end)
    return b"".join((*parts, data[begin:]))
