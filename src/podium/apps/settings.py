"""Settings: the one table of defaults, and what files and variables put in their place.

Later ones win: the default, /etc/podium/settings.toml, $XDG_CONFIG_HOME/podium/settings.toml, PODIUM_... variables,
flags. What /etc/podium/settings.toml lists under `lock` stays as it says there.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from podium.domain.errors import UsageError
from podium.domain.units import parse_duration, parse_share, parse_size

SYSTEM = Path("/etc/podium/settings.toml")
DEFAULT = "default"
_SELECTIONS, _LOCK = "selections", "lock"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `read` makes of text what the flag of that name gives, and raises UsageError or ValueError.

    `default` in the words a user would write; one in parentheses depends on more, and is decided where it is used.
    """

    key: str
    default: str
    read: Callable[[str], object]
    is_list: bool = False

    @property
    def name(self) -> str:
        """Its flag's name among the parsed ones."""
        return self.key.replace("-", "_")

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return f"PODIUM_{self.name.upper()}"


@dataclass(frozen=True, slots=True)
class Value:
    """What a setting is. `origin`: the default, a file, or a variable; `value` None where that is the default."""

    text: str
    origin: str
    value: object = None
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A selection with a name: `text` as on the command line."""

    text: str
    origin: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings with their origins."""

    values: Mapping[str, Value] = field(default_factory=dict)
    selections: Mapping[str, Named] = field(default_factory=dict)

    def get(self, key: str) -> object:
        """A value as its flag would give it, None for the default; raises KeyError for what is no setting."""
        found = self.values.get(SETTINGS[key].key)
        return None if found is None else found.value

    def instead(self, params: Mapping[str, object], given: Callable[[str], bool]) -> dict[str, object]:
        """What stands in place of flags that were not `given`; raises UsageError where one that was is locked."""
        instead: dict[str, object] = {}
        for key, found in self.values.items():
            name = SETTINGS[key].name
            if name not in params or found.value is None:
                continue
            if not given(name):
                instead[name] = found.value
            elif found.locked and params[name] != found.value:
                raise UsageError(f"--{key}: {found.origin} locks it to {found.text}")
        return instead


def load(environ: Mapping[str, str], system: Path | None = None) -> Settings:
    """Read all settings; raises UsageError, in one line with the file and the key."""
    of_system = _File.read(system or SYSTEM, is_system=True)
    of_user = _File.read(user_file(environ), is_system=False)
    locked = of_system.locked()
    values: dict[str, Value] = {}
    for key, setting in SETTINGS.items():
        values[key] = _value(setting, of_system, of_user, environ, is_locked=key in locked)
    return Settings(values, {**of_system.selections(), **of_user.selections()})


def user_file(environ: Mapping[str, str]) -> Path | None:
    """Where a user's settings are: $XDG_CONFIG_HOME/podium/settings.toml, else below ~/.config; None without a home."""
    home = environ.get("XDG_CONFIG_HOME", "")
    if Path(home).is_absolute():  # a relative one is to be ignored (XDG base directory specification)
        return Path(home) / "podium" / "settings.toml"
    return Path(environ["HOME"]) / ".config" / "podium" / "settings.toml" if environ.get("HOME") else None


def _value(setting: Setting, of_system: _File, of_user: _File, environ: Mapping[str, str], *, is_locked: bool) -> Value:
    found = of_system.value(setting)
    theirs = of_user.value(setting)  # read in any case: a wrong one is told
    if not is_locked:
        found = theirs or found
        text = environ.get(setting.variable)
        if text is not None:
            found = Value(text, setting.variable, _read(setting, text, setting.variable))
    if found is None:
        value = _read(setting, setting.default, DEFAULT) if is_locked and "(" not in setting.default else None
        return Value(setting.default, of_system.path if is_locked else DEFAULT, value, is_locked)
    return Value(found.text, found.origin, found.value, is_locked)


def _read(setting: Setting, text: str, where: str) -> object:
    try:
        return setting.read(text)
    except (UsageError, ValueError) as error:
        raise UsageError(f"{where}: {setting.key}: {error}") from None


@dataclass(frozen=True, slots=True)
class _File:
    """A settings file, its keys known; the values are read one by one."""

    path: str
    raw: Mapping[str, object]
    is_system: bool

    @staticmethod
    def read(path: Path | None, *, is_system: bool) -> _File:
        if path is None:
            return _File("", {}, is_system)
        try:
            text = path.read_bytes().decode("utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return _File(str(path), {}, is_system)
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise UsageError(f"{path}: {why}") from None
        import tomllib

        try:
            raw = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{path}: not TOML: {error}") from None
        file = _File(str(path), raw, is_system)
        file.check()
        return file

    def check(self) -> None:
        """Refuse keys that are none."""
        for key in self.raw:
            if key in SETTINGS or key == _SELECTIONS:
                continue
            if key == _LOCK:
                self.locked()
                continue
            from podium.domain.near import near

            close = near(key, [*SETTINGS, _SELECTIONS])
            hint = f"; did you mean {' or '.join(close)}?" if close else " (podium config lists them)"
            raise UsageError(f"{self.path}: unknown key {key}{hint}")

    def value(self, setting: Setting) -> Value | None:
        raw = self.raw.get(setting.key)
        if raw is None:
            return None
        text = self._text(setting, raw)
        return Value(text, self.path, _read(setting, text, self.path))

    def _text(self, setting: Setting, raw: object) -> str:
        if setting.is_list and isinstance(raw, list) and all(isinstance(one, str) and "," not in one for one in raw):
            return ",".join(raw)
        if setting.is_list or isinstance(raw, bool) or not isinstance(raw, str | int):
            kind = 'a list of texts: ["a", "b"]' if setting.is_list else "a text or a whole number"
            raise UsageError(f"{self.path}: {setting.key}: expected {kind}")
        return str(raw)

    def locked(self) -> frozenset[str]:
        raw = self.raw.get(_LOCK)
        if raw is None:
            return frozenset()
        if not self.is_system:
            raise UsageError(f"{self.path}: {_LOCK}: only {SYSTEM} locks")
        if not isinstance(raw, list) or not all(isinstance(one, str) for one in raw):
            raise UsageError(f'{self.path}: {_LOCK}: expected a list of keys: ["timeout"]')
        unknown = [one for one in raw if one not in SETTINGS]
        if unknown:
            raise UsageError(f"{self.path}: {_LOCK}: unknown key {unknown[0]}")
        return frozenset(raw)

    def selections(self) -> dict[str, Named]:
        raw = self.raw.get(_SELECTIONS)
        if raw is None:
            return {}
        if not isinstance(raw, dict):
            raise UsageError(f"{self.path}: {_SELECTIONS}: expected a table: [selections]")
        for name, text in raw.items():
            if not isinstance(text, str) or not text.strip():
                raise UsageError(f'{self.path}: {_SELECTIONS}.{name}: expected a selection: "-n shop deploy/web"')
            try:
                shlex.split(text)
            except ValueError as error:
                raise UsageError(f"{self.path}: {_SELECTIONS}.{name}: {error}") from None
        return {name: Named(text, self.path) for name, text in raw.items()}


def _whole(least: int, most: int | None = None) -> Callable[[str], int]:
    bounds = f"of at least {least}" + ("" if most is None else f" and at most {most}")

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or int(text) < least or (most is not None and int(text) > most):
            raise UsageError(f"{text!r} is not a whole number {bounds}")
        return int(text)

    return read


def _share(text: str) -> str:
    parse_share(text)
    return text


def _lasting(text: str) -> float:
    seconds = parse_duration(text)
    if seconds <= 0:
        raise UsageError(f"{text!r} must be longer than 0")
    return seconds


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise UsageError(f"{text!r} is none of {', '.join(words)}")
        return text

    return read


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _said(text: str) -> str:
    if not text.strip():
        raise UsageError("the value is empty")
    return text


SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        setting.key: setting
        for setting in (
            Setting("timeout", "5m", parse_duration),
            Setting("connect-timeout", "10s", _lasting),
            Setting("request-timeout", "30s", parse_duration),
            Setting("run-timeout", "(none on a terminal, 1h without)", parse_duration),
            Setting("concurrency", "64", _whole(1)),
            Setting("max-per-node", "8", _whole(1)),
            Setting("max-per-workload", "(no limit)", _share),
            Setting("order", "spread", _one_of("spread", "name", "oldest", "newest", "random")),
            Setting("retries", "2", _whole(0, 5)),
            Setting("max-failures", "(no limit)", _share),
            Setting("max-lost", "(no limit)", _share),
            Setting("max-rejected", "(no limit)", _share),
            Setting("max-output", "1Mi", parse_size),
            Setting("max-groups", "(20 on a terminal, else all)", _whole(0)),
            Setting("max-lines", "(40 on a terminal, else all)", _whole(0)),
            Setting("color", "auto", _one_of("auto", "always", "never")),
            Setting("state-dir", "($XDG_STATE_HOME/podium)", _said),
            Setting("ask-above", "100", _whole(1)),
            Setting("guarded-contexts", "*prod*", _names, is_list=True),
            Setting("protected-namespaces", "kube-*,openshift-*", _names, is_list=True),
        )
    }
)
