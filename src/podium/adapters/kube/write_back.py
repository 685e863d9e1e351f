"""Write tokens back into the kubeconfig they came from, and touch nothing else in it.

The lock is client-go's (`tools/clientcmd/loader.go`, lockFile): FILE.lock, made exclusively, removed after. The file
is replaced in one step with mode 0600; comments and order stay.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import yaml

_LOCK_WAITS = 5.0
_LOCK_POLLS = 0.05


class WriteBackError(Exception):
    """The file was left as it was; the text says why, without its content."""


def write_back(file: Path, user: str, settings: Mapping[str, str]) -> None:
    """Set keys of the user's `auth-provider.config` in `file`. Blocks for at most five seconds on another's lock.

    Raises WriteBackError, and has then changed nothing.
    """
    try:
        with _locked(file):
            text = file.read_bytes().decode()
            _replace(file, edited(text, user, settings).encode())
    except OSError as error:
        raise WriteBackError(f"{file}: {error.strerror or 'cannot be written'}") from None
    except UnicodeError:
        raise WriteBackError(f"{file}: not UTF-8 text") from None


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    lock = Path(f"{file}.lock")
    ends = time.monotonic() + _LOCK_WAITS
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            break
        except FileExistsError:
            if time.monotonic() >= ends:
                raise WriteBackError(f"{lock} exists; if no other program is at it, remove it") from None
            time.sleep(_LOCK_POLLS)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            lock.unlink()


def _replace(file: Path, content: bytes) -> None:
    # A link stays a link: what it points at is replaced.
    target = file.resolve()
    new = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, stat.S_IRUSR | stat.S_IWUSR)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            new.replace(target)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            # A file mounted by itself cannot be replaced, only filled anew.
            target.write_bytes(content)
            new.unlink()
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink()
        raise


def edited(text: str, user: str, settings: Mapping[str, str]) -> str:
    """Return the kubeconfig `text` with keys of one user's auth-provider set; all else as it was, to the letter.

    Raises WriteBackError where the user is not there, or where the edit would change anything else.
    """
    import yaml

    if text.lstrip().startswith("{"):
        # JSON has no comments to keep, and tabs and escapes that YAML does not take.
        with contextlib.suppress(ValueError):
            return _edited_json(json.loads(text), user, settings)
    try:
        config = _config_node(yaml.compose(text, Loader=yaml.CSafeLoader), user)
        if config is None:
            raise WriteBackError(f'user "{user}" with an auth-provider is not in it any more')
        result = text
        for start, end, piece in sorted(_edits(text, config, settings), reverse=True):
            result = result[:start] + piece + result[end:]
        before, after = _plain(text), _plain(result)
    except yaml.YAMLError:
        raise WriteBackError("it is not readable as YAML any more") from None
    expected = _config_of(before, user)
    if expected is None:
        raise WriteBackError(f'user "{user}" is not in it any more')
    expected.update(settings)
    if before != after:
        raise WriteBackError("its layout is unusual; the tokens cannot be placed without changing more")
    return result


def _edited_json(root: object, user: str, settings: Mapping[str, str]) -> str:
    config = _config_of(root, user)
    if config is None:
        raise WriteBackError(f'user "{user}" with an auth-provider is not in it any more')
    config.update(settings)
    return json.dumps(root, indent=2, ensure_ascii=False) + "\n"


def _plain(text: str) -> object:
    import yaml

    return yaml.load(text, Loader=yaml.CBaseLoader)  # noqa: S506 - the base loader makes text only


def _config_of(root: object, user: str) -> dict[str, str] | None:
    users = root.get("users") if isinstance(root, dict) else None
    for entry in users if isinstance(users, list) else []:
        if isinstance(entry, dict) and entry.get("name") == user:
            try:
                config = entry["user"]["auth-provider"]["config"]
            except (KeyError, TypeError):
                return None
            return config if isinstance(config, dict) else None
    return None


def _config_node(root: yaml.Node | None, user: str) -> yaml.MappingNode | None:
    import yaml

    users = _value(root, "users")
    for entry in users.value if isinstance(users, yaml.SequenceNode) else []:
        name = _value(entry, "name")
        if isinstance(name, yaml.ScalarNode) and name.value == user:
            config = _value(_value(_value(entry, "user"), "auth-provider"), "config")
            return config if isinstance(config, yaml.MappingNode) and config.value else None
    return None


def _value(node: object, key: str) -> yaml.Node | None:
    import yaml

    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _edits(text: str, config: yaml.MappingNode, settings: Mapping[str, str]) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, text) for each key: its value replaced, or the key put before the first one."""
    for key, value in settings.items():
        quoted = json.dumps(value)
        node = _value(config, key)
        if node is None:
            first = config.value[0][0]
            start = first.start_mark.index
            between = ", " if config.flow_style else "\n" + " " * first.start_mark.column
            yield start, start, f"{key}: {quoted}{between}"
        else:
            start, end = node.start_mark.index, node.end_mark.index
            # A block scalar ends at the start of a later line.
            space = " " if start == end and text[start - 1 : start] == ":" else ""
            yield start, end, space + quoted + ("\n" if text[start:end].endswith("\n") else "")
