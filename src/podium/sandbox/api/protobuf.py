"""Read the few small bodies that typed Go clients send as protobuf (generated.proto of the API groups)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MAGIC = b"k8s\x00"
"""What comes before runtime.Unknown (apimachinery runtime/serializer/protobuf)."""
RAW = 2

Json = dict[str, Any]


class ProtobufError(Exception):
    """The body is not what it should be."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message's fields by number: a name, and the message below it where it is one."""

    fields: Mapping[int, "tuple[str, Message | None]"]


RESOURCE = Message(
    {
        1: ("namespace", None),
        2: ("verb", None),
        3: ("group", None),
        4: ("version", None),
        5: ("resource", None),
        6: ("subresource", None),
        7: ("name", None),
    }
)
PATH = Message({1: ("path", None), 2: ("verb", None)})
BODIES: Mapping[str, Message] = {
    "SelfSubjectAccessReview": Message(
        {2: ("spec", Message({1: ("resourceAttributes", RESOURCE), 2: ("nonResourceAttributes", PATH)}))}
    ),
    "SelfSubjectRulesReview": Message({2: ("spec", Message({1: ("namespace", None)}))}),
    "SelfSubjectReview": Message({}),
    "DeleteOptions": Message({1: ("gracePeriodSeconds", None), 2: ("preconditions", Message({1: ("uid", None)}))}),
}


def read(body: bytes, kind: str) -> Json:
    """Return a body as the JSON it stands for. Raises ProtobufError."""
    if not body.startswith(MAGIC):
        raise ProtobufError("no k8s protobuf")
    raw = next((value for number, value in _fields(body[len(MAGIC) :]) if number == RAW), b"")
    return _message(raw if isinstance(raw, bytes) else b"", BODIES[kind])


def _message(data: bytes, message: Message) -> Json:
    found: Json = {}
    for number, value in _fields(data):
        name, below = message.fields.get(number, ("", None))
        if name == "":
            continue
        if isinstance(value, int):
            found[name] = value
        else:
            found[name] = value.decode("utf-8", "replace") if below is None else _message(value, below)
    return found


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        match key & 7:
            case 0:
                value, at = _varint(data, at)
                yield key >> 3, value
            case 2:
                size, at = _varint(data, at)
                if at + size > len(data):
                    raise ProtobufError("cut short")
                yield key >> 3, data[at : at + size]
                at += size
            case _:
                raise ProtobufError("a wire type that none of these bodies has")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
    raise ProtobufError("cut short")
