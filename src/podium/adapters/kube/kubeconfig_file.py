"""Read one kubeconfig file: YAML or JSON into stanzas, with file and line in every complaint."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from podium.domain.errors import UsageError

if TYPE_CHECKING:
    import yaml


class PlainNumber(str):
    """A scalar that YAML reads as a number, kept as it was written."""

    __slots__ = ()


class PlainFlag(str):
    """A scalar that YAML reads as a boolean, kept as it was written."""

    __slots__ = ()


_TRUE = frozenset({"true", "yes", "on", "y"})
_FALSE = frozenset({"false", "no", "off", "n"})
_SECTIONS = {"clusters": "cluster", "users": "user", "contexts": "context"}


@dataclass(frozen=True, slots=True)
class Stanza:
    """One named entry of a file, not yet looked into. Its values may be secret: they are never shown."""

    file: Path
    section: str
    index: int
    name: str
    fields: Mapping[str, object] = field(repr=False)

    def text(self, key: str) -> str:
        """Return a text field, "" where absent; raises UsageError."""
        value = self.fields.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.complaint(key, "must be text")
        return str(value)

    def flag(self, key: str) -> bool:
        """Return a true/false field, false where absent; raises UsageError."""
        word = self.text(key).lower()
        if word in _TRUE:
            return True
        if word == "" or word in _FALSE:
            return False
        raise self.complaint(key, "must be true or false")

    def data(self, key: str) -> bytes:
        """Return a base64 field decoded, b"" where absent; raises UsageError."""
        # Go's decoder skips line breaks and nothing else.
        text = self.text(key).replace("\n", "").replace("\r", "")
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise self.complaint(key, "is not valid base64") from None

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts, empty where absent; raises UsageError."""
        return texts_of(self.fields.get(key), lambda: self.complaint(key, "must be a list of texts"))

    def mapping(self, key: str) -> Mapping[str, object]:
        """Return a mapping field, empty where absent; raises UsageError."""
        value = self.fields.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.complaint(key, "must be a mapping")
        return value

    def inner(self, key: str) -> Stanza | None:
        """Return a mapping field as a stanza of its own, None where absent; raises UsageError."""
        if self.fields.get(key) is None:
            return None
        return Stanza(self.file, self.section, self.index, self.name, _Nested(self.mapping(key), key))

    def path(self, key: str) -> str:
        """Return a file name, relative ones against the kubeconfig's folder; raises UsageError."""
        return against(self.file, self.text(key))

    def complaint(self, key: str, problem: str) -> UsageError:
        """Return the error for one field, with file and line and without the value."""
        trail: list[str | int] = [self.section, self.index, _SECTIONS[self.section]]
        if isinstance(self.fields, _Nested):
            trail.append(self.fields.key)
            key_shown = f"{self.fields.key}.{key}"
        else:
            key_shown = key
        line = line_of(self.file, [*trail, key])
        kind = _SECTIONS[self.section]
        return UsageError(f'{self.file}:{line}: {kind} "{self.name}": {key_shown} {problem}')


class _Nested(dict[str, object]):
    """The fields of a stanza within a stanza, with the key it stands under."""

    def __init__(self, fields: Mapping[str, object], key: str) -> None:
        super().__init__(fields)
        self.key = key


@dataclass(frozen=True, slots=True)
class KubeconfigFile:
    """One file read: its stanzas in order, and its current context ("" where it names none)."""

    path: Path
    current_context: str
    clusters: tuple[Stanza, ...]
    users: tuple[Stanza, ...]
    contexts: tuple[Stanza, ...]


def against(file: Path, name: str) -> str:
    """Return `name` as an absolute path, relative to the folder of `file`; "" stays ""."""
    return str(file.absolute().parent / name) if name else ""


def texts_of(value: object, complaint: Callable[[], UsageError]) -> tuple[str, ...]:
    """Return a YAML list as texts; raises what `complaint` returns."""
    if value is None:
        return ()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(str(item) for item in value)
    raise complaint()


def read(path: Path) -> KubeconfigFile:
    """Read a kubeconfig file.

    Raises UsageError (file, line, problem) where it is not one; FileNotFoundError where there is none.
    """
    root = _parse(path, _content(path))
    if root is None:
        root = {}
    if not isinstance(root, dict):
        raise UsageError(f"{path}:1: not a kubeconfig: expected a mapping at the top")
    current = root.get("current-context")
    if current is not None and not isinstance(current, str):
        raise UsageError(f"{path}:{line_of(path, ['current-context'])}: current-context must be text")
    return KubeconfigFile(
        path=path,
        current_context=str(current or ""),
        clusters=_stanzas(path, root, "clusters"),
        users=_stanzas(path, root, "users"),
        contexts=_stanzas(path, root, "contexts"),
    )


def _content(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}:{line}: not a kubeconfig: not UTF-8 text") from None
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UsageError(f"{path}: cannot read this kubeconfig: {error.strerror}") from None


def _parse(path: Path, text: str) -> object:
    if text.lstrip()[:1] == "{":
        try:
            return _as_yaml_would(json.loads(text))
        except ValueError:
            pass  # a YAML flow mapping, or broken: YAML says where
    import yaml

    loader = _loader_class()(text)
    try:
        node = loader.get_node() if loader.check_node() else None
        return None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise UsageError(f"{path}:{line}: broken YAML: {_without_values(error.problem)}") from None
    except yaml.YAMLError as error:
        position = getattr(error, "position", 0)
        line = text[:position].count("\n") + 1
        raise UsageError(f"{path}:{line}: broken YAML: {getattr(error, 'reason', 'not readable')}") from None
    except (RecursionError, ValueError):
        raise UsageError(f"{path}:1: broken YAML: nested too deeply, or a value out of range") from None
    finally:
        loader.dispose()


def _without_values(problem: str | None) -> str:
    """Return YAML's own words without what it quotes from the file, punctuation apart: that may be a secret."""
    return re.sub(r"'[^']{4,}'|\"[^\"]{4,}\"", "...", " ".join((problem or "not readable").split()))


def _as_yaml_would(value: object) -> object:
    """Turn JSON values into what the YAML reader gives: scalars as written."""
    if isinstance(value, dict):
        return {str(key): _as_yaml_would(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_yaml_would(item) for item in value]
    if isinstance(value, bool):
        return PlainFlag("true" if value else "false")
    if isinstance(value, int | float):
        return PlainNumber(json.dumps(value))
    # Half a surrogate pair is no text: JSON can write it, UTF-8 cannot.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


@cache
def _loader_class() -> type[yaml.CSafeLoader]:
    """Make the reader: libyaml, scalars as text, so that a name `0123` or a date stays what it is."""
    import yaml

    class Loader(yaml.CSafeLoader):
        pass

    unwanted = {"tag:yaml.org,2002:timestamp"}
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in unwanted]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }

    def number(_: yaml.CSafeLoader, node: yaml.ScalarNode) -> PlainNumber:
        return PlainNumber(node.value)

    def flag(_: yaml.CSafeLoader, node: yaml.ScalarNode) -> PlainFlag:
        return PlainFlag(node.value)

    Loader.add_constructor("tag:yaml.org,2002:int", number)
    Loader.add_constructor("tag:yaml.org,2002:float", number)
    Loader.add_constructor("tag:yaml.org,2002:bool", flag)
    return Loader


def _stanzas(path: Path, root: Mapping[str, object], section: str) -> tuple[Stanza, ...]:
    entries = root.get(section)
    if entries is None:
        return ()
    if not isinstance(entries, list):
        raise UsageError(f"{path}:{line_of(path, [section])}: {section} must be a list")
    inner = _SECTIONS[section]
    found: dict[str, Stanza] = {}
    for index, entry in enumerate(entries):
        name, fields = (entry.get("name"), entry.get(inner)) if isinstance(entry, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(fields, dict | None):
            line = line_of(path, [section, index])
            raise UsageError(f"{path}:{line}: each of {section} needs a name and a {inner} mapping")
        if name in found:
            raise UsageError(f'{path}:{line_of(path, [section, index])}: {inner} "{name}" stands twice in this file')
        found[str(name)] = Stanza(path, section, index, str(name), fields or {})
    return tuple(found.values())


def line_of(path: Path, trail: Sequence[str | int]) -> int:
    """Return the line (from 1) on which a key or item stands, or the nearest line above it that can be told."""
    import yaml

    try:
        node = yaml.compose(_content(path), Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, OSError, UsageError):
        return 1
    line = 0
    for step in trail:
        if isinstance(node, yaml.MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == step), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line
        else:
            break
    return line + 1
