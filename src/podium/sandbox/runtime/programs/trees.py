"""ls, mkdir, rm, cp, mv, touch and others that work on the file tree."""

import posixpath
import time
from dataclasses import replace

from podium.sandbox.runtime.files import Device, Directory, Entry, File, FileError, Link
from podium.sandbox.runtime.process import Process
from podium.sandbox.runtime.programs.flags import parse


def mode_text(entry: Entry) -> str:
    """Return a mode as ls shows it."""
    kind, mode = (
        ("d", entry.mode) if isinstance(entry, Directory) else ("l", 0o777) if isinstance(entry, Link) else ("-", 0o644)
    )
    if isinstance(entry, File):
        mode = entry.mode
    elif isinstance(entry, Device):
        kind, mode = "c", entry.mode
    bits = "".join(letter if mode >> (8 - at) & 1 else "-" for at, letter in enumerate("rwxrwxrwx"))
    if mode & 0o1000:
        bits = bits[:-1] + "t"
    return kind + bits


def size_of(entry: Entry) -> int:
    """Return an entry's size in bytes."""
    return len(entry.data) if isinstance(entry, File) else 4096 if isinstance(entry, Directory) else 0


async def ls(process: Process) -> int:
    """List names: -l long, -a all, -1 one a line, -d directories themselves, -h, -t, -r."""
    flags, names = await parse(process, "la1dhtrRAF")
    code = 0
    shown = 0
    for name in sorted(names) or ["."]:
        path = process.path(name)
        try:
            entry = process.files.find(path, follow="l" not in flags or name.endswith("/"))
        except FileError as error:
            await process.complain(f"cannot access '{name}': {error.strerror}")
            code = 2
            continue
        if not isinstance(entry, Directory) or "d" in flags:
            await process.out(_row(name, entry, flags))
            continue
        if len(names) > 1:
            await process.out(("\n" if shown > 0 else "") + f"{name}:\n")
        shown += 1
        await process.out(_listing(process, path, flags))
    return code


def _listing(process: Process, path: str, flags: dict[str, str]) -> str:
    found = process.files.names(path)
    if "a" in flags:
        found = [".", "..", *found]
    elif "A" not in flags:
        found = [name for name in found if not name.startswith(".")]
    rows = [_row(name, process.files.find(posixpath.join(path, name), follow=False), flags) for name in found]
    if "r" in flags:
        rows.reverse()
    return ("total 0\n" if "l" in flags else "") + "".join(rows)


def _row(name: str, entry: Entry, flags: dict[str, str]) -> str:
    if "l" not in flags:
        return f"{name}\n"
    when = time.strftime("%b %d %H:%M", time.gmtime(getattr(entry, "mtime", 0.0)))
    arrow = f" -> {entry.target}" if isinstance(entry, Link) else ""
    return f"{mode_text(entry)} 1 root root {size_of(entry):7d} {when} {name}{arrow}\n"


async def mkdir(process: Process) -> int:
    """Make directories; -p with their parents."""
    flags, names = await parse(process, "pv", "m")
    code = 0
    for name in names:
        path = process.path(name)
        steps = [path]
        while "p" in flags and posixpath.dirname(steps[0]) != steps[0]:
            steps.insert(0, posixpath.dirname(steps[0]))
        for step in steps:
            if process.files.exists(step):
                if "p" not in flags or not process.files.is_directory(step):
                    await process.complain(f"cannot create directory '{name}': File exists")
                    code = 1
                continue
            try:
                process.files.put(step, Directory(0o755, process.user, time.time()))
            except FileError as error:
                await process.complain(f"cannot create directory '{name}': {error.strerror}")
                code = 1
                break
    return code


async def rm(process: Process) -> int:
    """Remove files; -r trees, -f without a word for what is not there."""
    flags, names = await parse(process, "rfRvd")
    code = 0
    for name in names:
        path = process.path(name)
        try:
            entry = process.files.find(path, follow=False)
            if isinstance(entry, Directory):
                if "r" not in flags and "R" not in flags:
                    await process.complain(f"cannot remove '{name}': Is a directory")
                    code = 1
                    continue
                for below in reversed(process.files.walk(path)):
                    process.files.remove(below)
            process.files.remove(path)
        except FileError as error:
            if "f" not in flags:
                await process.complain(f"cannot remove '{name}': {error.strerror}")
                code = 1
    return code


async def rmdir(process: Process) -> int:
    """Remove empty directories."""
    code = 0
    for name in process.argv[1:]:
        try:
            process.files.names(process.path(name))
            process.files.remove(process.path(name))
        except FileError as error:
            await process.complain(f"failed to remove '{name}': {error.strerror}")
            code = 1
    return code


async def copy(process: Process) -> int:
    """Copy or move (mv) files; cp -r trees."""
    moves = process.name == "mv"
    flags, names = await parse(process, "rfRapvn")
    if len(names) < 2:
        await process.complain("missing file operand")
        return 1
    *sources, target = names
    code = 0
    for source in sources:
        start, end = process.path(source), process.path(target)
        if process.files.is_directory(end):
            end = posixpath.join(end, posixpath.basename(start))
        try:
            entry = process.files.find(start, follow=not moves)
            if isinstance(entry, Directory) and not (moves or {"r", "R", "a"} & set(flags)):
                await process.complain(f"-r not specified; omitting directory '{source}'")
                code = 1
                continue
            _copy_tree(process, start, end, entry)
            if moves:
                for path in [*reversed(process.files.walk(start)), start] if isinstance(entry, Directory) else [start]:
                    process.files.remove(path)
        except FileError as error:
            await process.complain(f"cannot {'move' if moves else 'copy'} '{source}': {error.strerror}")
            code = 1
    return code


def _copy_tree(process: Process, start: str, end: str, entry: Entry) -> None:
    below = process.files.walk(start) if isinstance(entry, Directory) else []
    process.files.put(end, _fresh(entry))
    for path in below:
        process.files.put(end + path[len(start) :], _fresh(process.files.find(path, follow=False)))


def _fresh(entry: Entry) -> Entry:
    if isinstance(entry, File):
        return replace(entry, data=bytearray(entry.data), mtime=time.time())
    return replace(entry)


async def touch(process: Process) -> int:
    """Make files, or renew their time."""
    _, names = await parse(process, "cam", "d")
    for name in names:
        if not process.files.is_directory(process.path(name)):
            process.files.write_into(process.path(name), append=True)
    return 0


async def ln(process: Process) -> int:
    """Make symbolic links (-s)."""
    flags, names = await parse(process, "sfn")
    if "s" not in flags or len(names) != 2:
        await process.complain("only -s TARGET NAME is supported in the sandbox")
        return 1
    path = process.path(names[1])
    if process.files.is_directory(path):
        path = posixpath.join(path, posixpath.basename(names[0]))
    if process.files.entry(path) is not None and "f" not in flags:
        await process.complain(f"failed to create symbolic link '{names[1]}': File exists")
        return 1
    process.files.put(path, Link(names[0], time.time()))
    return 0


async def chmod(process: Process) -> int:
    """Set modes (octal, or +x)."""
    words = [word for word in process.argv[1:] if word not in ("-R", "--")]
    mode, names = words[0] if words else "", words[1:]
    for name in names:
        entry = process.files.find(process.path(name))
        if mode.isdigit() and isinstance(entry, (File, Directory)):
            bits = int(mode, 8)
        elif isinstance(entry, (File, Directory)):
            change = 0o111 if "x" in mode else 0
            bits = entry.mode & ~change if "-" in mode else entry.mode | change
        else:
            continue
        process.files.put(process.path(name), replace(entry, mode=bits))
    return 0


async def chown(process: Process) -> int:
    """Accept an owner; the sandbox has root alone."""
    for name in process.argv[2:]:
        process.files.find(process.path(name))
    return 0


async def stat(process: Process) -> int:
    """Show an entry: -c with %s %n %a %Y %F."""
    flags, names = await parse(process, "L", "c")
    for name in names:
        entry = process.files.find(process.path(name), follow="L" in flags)
        kind = (
            "directory"
            if isinstance(entry, Directory)
            else "symbolic link"
            if isinstance(entry, Link)
            else "regular file"
        )
        mode = 0o777 if isinstance(entry, Link) else entry.mode
        facts = {
            "%s": str(size_of(entry)),
            "%n": name,
            "%a": f"{mode:o}",
            "%Y": str(int(getattr(entry, "mtime", 0))),
            "%F": kind,
        }
        text = flags.get("c", "  File: %n\n  Size: %s\t%F\nAccess: (%a)")
        for key, value in facts.items():
            text = text.replace(key, value)
        await process.out(text + "\n")
    return 0


async def readlink(process: Process) -> int:
    """Print a link's target, or with -f (realpath) the real path."""
    flags, names = await parse(process, "fne")
    for name in names:
        path = process.path(name)
        if "f" in flags or process.name == "realpath":
            await process.out(process.files.resolve(path) + "\n")
            continue
        entry = process.files.find(path, follow=False)
        if not isinstance(entry, Link):
            return 1
        await process.out(entry.target + "\n")
    return 0


async def find(process: Process) -> int:
    """List a tree: find [PATH...] [-name GLOB] [-type f|d]."""
    words = process.argv[1:]
    places: list[str] = []
    while words and not words[0].startswith("-"):
        places.append(words.pop(0))
    tests = dict(zip(words[::2], words[1::2], strict=False))
    if set(tests) - {"-name", "-type"} or len(words) % 2:
        await process.complain("only -name and -type are supported in the sandbox")
        return 1
    from fnmatch import fnmatchcase

    for place in places or ["."]:
        root = process.path(place)
        process.files.find(root)
        for path in [root, *(process.files.walk(root) if process.files.is_directory(root) else [])]:
            is_directory = process.files.is_directory(path)
            if tests.get("-type", "d" if is_directory else "f") != ("d" if is_directory else "f"):
                continue
            if fnmatchcase(posixpath.basename(path), tests.get("-name", "*")):
                await process.out(
                    place.rstrip("/") + path[len(root.rstrip("/")) :] + "\n" if path != root else place + "\n"
                )
    return 0


async def du(process: Process) -> int:
    """Sum sizes: du -s [PATH]."""
    _, names = await parse(process, "shkm", "d")
    for name in names or ["."]:
        path = process.path(name)
        entry = process.files.find(path)
        total = size_of(entry) if isinstance(entry, File) else 0
        for below in process.files.walk(path) if isinstance(entry, Directory) else []:
            total += size_of(process.files.find(below, follow=False))
        await process.out(f"{max(4, total // 1024)}\t{name}\n")
    return 0


async def mktemp(process: Process) -> int:
    """Make a fresh file, or with -d a directory, in /tmp."""
    flags, _ = await parse(process, "dqu", "p")
    process.container.last_pid += 1
    path = f"{flags.get('p', '/tmp')}/tmp.{process.container.last_pid:06d}"  # noqa: S108 - the sandbox's own tree
    if "d" in flags:
        process.files.put(path, Directory(0o700, process.user, time.time()))
    else:
        process.files.write_into(path, append=False)
    await process.out(path + "\n")
    return 0
