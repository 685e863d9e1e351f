"""cat, echo, head, wc and others that read text and print it."""

from podium.sandbox.runtime.process import Process
from podium.sandbox.runtime.streams import CHUNK


async def cat(process: Process) -> int:
    """Print files, or standard input."""
    names = [word for word in process.argv[1:] if word not in ("-u", "--")] or ["-"]
    code = 0
    for name in names:
        if name == "-":
            while part := await process.read(CHUNK):
                await process.out(part)
            continue
        try:
            stream = process.open(name)
        except OSError as error:
            await process.complain(f"{name}: {error.strerror}")
            code = 1
            continue
        while part := await stream.read(CHUNK):
            await process.out(part)
    return code
