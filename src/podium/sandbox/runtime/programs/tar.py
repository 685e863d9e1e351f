"""tar: make (-c) and unpack (-x) and list (-t) archives, from and to standard streams or files."""

import io
import posixpath
import tarfile
import time

from podium.sandbox.runtime.files import Directory, File, FileError, Link
from podium.sandbox.runtime.process import Process


async def tar(process: Process) -> int:  # noqa: C901 - one branch a flag
    """Archive or unpack; -f, -C, -z are known."""
    words = process.argv[1:]
    if words and not words[0].startswith("-"):
        words[0] = "-" + words[0]
    mode, archive, folder, packed = "", "-", process.cwd, False
    names: list[str] = []
    while words:
        word = words.pop(0)
        if not word.startswith("-") or word == "-":
            names.append(word)
            continue
        for letter in word[1:] if not word.startswith("--") else "":
            if letter in "cxt":
                mode = letter
            elif letter == "f" and words:
                archive = words.pop(0)
            elif letter == "C" and words:
                folder = process.path(words.pop(0))
            elif letter == "z":
                packed = True
    if mode == "c":
        return await _make(process, archive, folder, names, packed=packed)
    if mode in ("x", "t"):
        return await _unpack(process, archive, folder, lists=mode == "t")
    await process.complain("You must specify one of the options -c, -t, -x")
    return 2


async def _make(process: Process, archive: str, folder: str, names: list[str], *, packed: bool) -> int:
    buffer = io.BytesIO()
    code = 0
    with tarfile.open(fileobj=buffer, mode="w:gz" if packed else "w", format=tarfile.GNU_FORMAT) as made:
        for name in names:
            path = posixpath.normpath(posixpath.join(folder, name))
            try:
                entry = process.files.find(path, follow=False)
            except FileError:
                await process.complain(f"{name}: Cannot stat: No such file or directory")
                code = 2
                continue
            below = process.files.walk(path) if isinstance(entry, Directory) else []
            for one in [path, *below]:
                _add(process, made, one, (name + one[len(path) :]).lstrip("/"))
    data = buffer.getvalue()
    if archive == "-":
        await process.out(data)
    else:
        await process.create(archive).write(data)
    return code


def _add(process: Process, made: tarfile.TarFile, path: str, name: str) -> None:
    entry = process.files.find(path, follow=False)
    info = tarfile.TarInfo(name or ".")
    info.mtime = int(getattr(entry, "mtime", 0))
    match entry:
        case File(data, mode):
            info.size, info.mode = len(data), mode
            made.addfile(info, io.BytesIO(bytes(data)))
        case Directory(mode):
            info.type, info.mode = tarfile.DIRTYPE, mode
            made.addfile(info)
        case Link(target):
            info.type, info.linkname = tarfile.SYMTYPE, target
            made.addfile(info)
        case _:
            return


async def _unpack(process: Process, archive: str, folder: str, *, lists: bool) -> int:
    if archive == "-":
        data = await process.read_all()
    else:
        stream = process.open(archive)
        parts = []
        while part := await stream.read(1 << 16):
            parts.append(part)
        data = b"".join(parts)
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as found:
            for info in found:
                if lists:
                    await process.out(info.name + ("/" if info.isdir() else "") + "\n")
                elif not info.name.startswith("/") and ".." not in info.name.split("/"):
                    _place(process, found, info, posixpath.normpath(posixpath.join(folder, info.name)))
    except tarfile.TarError:
        await process.complain("This does not look like a tar archive")
        return 2
    return 0


def _place(process: Process, found: tarfile.TarFile, info: tarfile.TarInfo, path: str) -> None:
    parent = posixpath.dirname(path)
    missing: list[str] = []
    while not process.files.exists(parent):
        missing.append(parent)
        parent = posixpath.dirname(parent)
    for folder in reversed(missing):
        process.files.put(folder, Directory(0o755, 0, time.time()))
    if info.isdir():
        if not process.files.is_directory(path):
            process.files.put(path, Directory(info.mode, 0, time.time()))
        return
    if info.issym():
        process.files.put(path, Link(info.linkname, info.mtime))
        return
    stream = found.extractfile(info)
    if stream is not None:
        process.files.put(path, File(bytearray(stream.read()), info.mode, 0, info.mtime))
