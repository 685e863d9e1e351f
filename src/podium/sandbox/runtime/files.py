"""Keep a container's files: a shared read-only image below, a private layer with a byte cap above."""

import errno
import posixpath
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


class FileError(OSError):
    """A file operation failed; `errno` and `strerror` are the ones a kernel gives."""


def failure(code: int, path: str) -> FileError:
    """Return a FileError with the words programs print."""
    return FileError(code, REASONS.get(code, "Input/output error"), path)


REASONS: Mapping[int, str] = {
    errno.ENOENT: "No such file or directory",
    errno.EACCES: "Permission denied",
    errno.EEXIST: "File exists",
    errno.ENOTDIR: "Not a directory",
    errno.EISDIR: "Is a directory",
    errno.ENOTEMPTY: "Directory not empty",
    errno.ENOSPC: "No space left on device",
    errno.EROFS: "Read-only file system",
    errno.EPERM: "Operation not permitted",
    errno.ELOOP: "Too many levels of symbolic links",
}


@dataclass(slots=True)
class File:
    """A regular file; `program` names the built-in that runs when it is executed."""

    data: bytearray | bytes = b""
    mode: int = 0o644
    owner: int = 0
    mtime: float = 0.0
    program: str | None = None


@dataclass(slots=True)
class Directory:
    """A directory; its entries are found by path."""

    mode: int = 0o755
    owner: int = 0
    mtime: float = 0.0


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    target: str
    mtime: float = 0.0


@dataclass(frozen=True, slots=True)
class Device:
    """A character device: null, zero, full or tty."""

    name: str
    mode: int = 0o666


Entry = File | Directory | Link | Device
LINK_LIMIT = 40


@dataclass(slots=True)
class FileSystem:
    """One container's tree. `cap` bounds the bytes of the private layer."""

    image: Mapping[str, Entry]
    cap: int
    layer: dict[str, Entry | None] = field(default_factory=dict)
    used: int = 0
    read_only: bool = False

    def entry(self, path: str) -> Entry | None:
        """Return what stands at an absolute, normal path, links not followed."""
        if path in self.layer:
            return self.layer[path]
        return self.image.get(path)

    def resolve(self, path: str, *, follow: bool = True) -> str:
        """Return the real absolute path. Raises FileError (ELOOP, ENOTDIR)."""
        done, todo, hops = "/", [part for part in path.split("/") if part], 0
        while todo:
            part = todo.pop(0)
            if part == ".":
                continue
            if part == "..":
                done = posixpath.dirname(done)
                continue
            step = posixpath.join(done, part)
            entry = self.entry(step)
            if isinstance(entry, Link) and (todo or follow):
                hops += 1
                if hops > LINK_LIMIT:
                    raise failure(errno.ELOOP, path)
                done = "/" if entry.target.startswith("/") else done
                todo = [piece for piece in entry.target.split("/") if piece] + todo
                continue
            if todo and entry is not None and not isinstance(entry, Directory):
                raise failure(errno.ENOTDIR, path)
            done = step
        return done

    def find(self, path: str, *, follow: bool = True) -> Entry:
        """Return the entry at a path. Raises FileError (ENOENT)."""
        entry = self.entry(self.resolve(path, follow=follow))
        if entry is None:
            raise failure(errno.ENOENT, path)
        return entry

    def exists(self, path: str) -> bool:
        """Tell whether something stands at a path."""
        try:
            self.find(path)
        except FileError:
            return False
        return True

    def is_directory(self, path: str) -> bool:
        """Tell whether a directory stands at a path."""
        try:
            return isinstance(self.find(path), Directory)
        except FileError:
            return False

    def names(self, path: str) -> list[str]:
        """Return a directory's names in order. Raises FileError."""
        real = self.resolve(path)
        entry = self.entry(real)
        if entry is None:
            raise failure(errno.ENOENT, path)
        if not isinstance(entry, Directory):
            raise failure(errno.ENOTDIR, path)
        prefix = real if real == "/" else real + "/"
        found = {rest for rest, _ in self._below(prefix) if "/" not in rest}
        return sorted(found)

    def walk(self, path: str) -> list[str]:
        """Return every path below a directory, in order."""
        real = self.resolve(path)
        prefix = real if real == "/" else real + "/"
        return sorted(prefix + rest for rest, _ in self._below(prefix))

    def _below(self, prefix: str) -> Iterator[tuple[str, Entry]]:
        size = len(prefix)
        for path, entry in self.image.items():
            if path.startswith(prefix) and path != prefix and path not in self.layer:
                yield path[size:], entry
        for path, private in self.layer.items():
            if private is not None and path.startswith(prefix) and path != prefix:
                yield path[size:], private

    def write_into(self, path: str, *, append: bool) -> File:
        """Return a private file open for writing, made or emptied as asked. Raises FileError."""
        real = self.resolve(path)
        entry = self.entry(real)
        if isinstance(entry, Directory):
            raise failure(errno.EISDIR, path)
        if self.read_only:
            raise failure(errno.EROFS, path)
        self._need_parent(real, path)
        old = entry if isinstance(entry, File) else File()
        data = bytearray(old.data) if append else bytearray()
        private = self.layer.get(real)
        self.used += len(data) - (len(private.data) if isinstance(private, File) else 0)
        fresh = File(data, old.mode, old.owner, time.time())
        if isinstance(private, File):
            # a reader that has it open goes on reading this very file
            private.data, private.mtime, private.program = data, fresh.mtime, None
            return private
        self.layer[real] = fresh
        return fresh

    def add(self, file: File, at: int, data: bytes) -> None:
        """Write bytes into a private file at an offset. Raises FileError (ENOSPC) at the cap."""
        if not isinstance(file.data, bytearray):
            file.data = bytearray(file.data)
        grown = max(0, at + len(data) - len(file.data))
        if self.used + grown > self.cap:
            raise failure(errno.ENOSPC, "")
        self.used += grown
        file.data[at : at + len(data)] = data
        file.mtime = time.time()

    def put(self, path: str, entry: Entry) -> None:
        """Place an entry at a path. Raises FileError."""
        real = self.resolve(path, follow=False)
        if self.read_only:
            raise failure(errno.EROFS, path)
        self._need_parent(real, path)
        size = len(entry.data) if isinstance(entry, File) else 0
        old = self.layer.get(real)
        freed = len(old.data) if isinstance(old, File) else 0
        if self.used + size - freed > self.cap:
            raise failure(errno.ENOSPC, path)
        self.used += size - freed
        self.layer[real] = entry

    def remove(self, path: str) -> None:
        """Take one entry away. Raises FileError."""
        real = self.resolve(path, follow=False)
        entry = self.entry(real)
        if entry is None:
            raise failure(errno.ENOENT, path)
        if self.read_only:
            raise failure(errno.EROFS, path)
        if isinstance(entry, Directory) and self.names(real):
            raise failure(errno.ENOTEMPTY, path)
        old = self.layer.get(real)
        if isinstance(old, File):
            self.used -= len(old.data)
        if real in self.image:
            self.layer[real] = None
        else:
            self.layer.pop(real, None)

    def _need_parent(self, real: str, path: str) -> None:
        parent = self.entry(posixpath.dirname(real))
        if parent is None:
            raise failure(errno.ENOENT, path)
        if not isinstance(parent, Directory):
            raise failure(errno.ENOTDIR, path)
