"""Nothing a pod writes reaches the terminal as anything but visible characters (pitfall 13)."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.domain.escapes import neutralise, readable

INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Cs"}


@pytest.mark.on(why="pure text: no cluster takes part")
def test_pitfall_13_every_invisible_character_is_replaced() -> None:
    every = (chr(code) for code in range(sys.maxunicode + 1))
    left = [
        char
        for char in every
        if unicodedata.category(char) in INVISIBLE and char not in "\t\n" and char in neutralise(char)
    ]
    assert left == []


def test_visible_text_stays() -> None:
    every = "".join(
        chr(code)
        for code in range(0xE0000)
        if unicodedata.category(chr(code))[0] in "LMNPSZ" and code not in (0x2028, 0x2029)
    )
    assert neutralise(every) == every
    assert neutralise("one\n\ttwo\n") == "one\n\ttwo\n"


@given(st.text())
def test_the_answer_holds_no_control_characters(text: str) -> None:
    safe = neutralise(text)
    assert not any(unicodedata.category(char) in INVISIBLE and char not in "\t\n" for char in safe)
    assert safe.count("\n") == text.count("\n")
    assert neutralise(safe) == safe


@given(st.binary())
def test_bytes_become_safe_text(data: bytes) -> None:
    safe = readable(data)
    assert not any(unicodedata.category(char) in INVISIBLE and char not in "\t\n" for char in safe)
    safe.encode()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x1b[31mred\x1b[0m", "^[[31mred^[[0m"),
        (b"\x1b]52;c;aGk=\x07", "^[]52;c;aGk=^G"),
        (b"\x1bP1$r\x1b\\", "^[P1$r^[\\"),
        (b"ok\rFAILED", "ok^MFAILED"),
        (b"ab\b\bcd\x7f", "ab^H^Hcd^?"),
        (b"\xc2\x9b31m", "\\x9b31m"),
        (b"\x9b31m", "\\x9b31m"),
        ("a\u202eb\u2066c".encode(), "a\\u202eb\\u2066c"),
        (b"caf\xc3\xa9 \xff\xfe", "café \\xff\\xfe"),
        (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),
        ("\U000e0041".encode(), "\\U000e0041"),
        (b"\x00", "^@"),
    ],
)
@pytest.mark.on(why="pure text: no cluster takes part")
def test_pitfall_13_escapes_are_shown(data: bytes, text: str) -> None:
    assert readable(data) == text
