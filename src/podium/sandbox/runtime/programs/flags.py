"""Split a program's arguments into flags and operands."""

from podium.sandbox.runtime.process import Process, ProcessExit


async def parse(process: Process, allowed: str, valued: str = "") -> tuple[dict[str, str], list[str]]:
    """Return single-letter flags, with values for those in `valued`, and operands; an unknown flag ends it with 2."""
    flags: dict[str, str] = {}
    operands: list[str] = []
    words = list(process.argv[1:])
    while words:
        word = words.pop(0)
        if word == "--":
            return flags, operands + words
        if len(word) < 2 or not word.startswith("-"):
            operands.append(word)
            continue
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in valued:
                if letters == "" and not words:
                    await process.complain(f"option requires an argument -- '{letter}'")
                    raise ProcessExit(2)
                flags[letter], letters = (letters, "") if letters != "" else (words.pop(0), "")
            elif letter in allowed:
                flags[letter] = ""
            else:
                await process.complain(f"option -{letter} is not supported in the sandbox")
                raise ProcessExit(2)
    return flags, operands
