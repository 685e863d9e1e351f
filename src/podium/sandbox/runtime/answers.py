"""Turn a scenario's answers into a program."""

import asyncio
import time
from email.utils import formatdate

from podium.sandbox.runtime.process import Process, Program
from podium.sandbox.world.pods import Answers
from podium.sandbox.world.text import fill


def answering(answers: Answers) -> Program:
    """Return a program that gives the first answer whose arguments fit."""

    async def program(process: Process) -> int:
        arguments = tuple(process.argv[1:])
        for answer in answers:
            if answer.args is not None and answer.args != arguments:
                continue
            if answer.seconds > 0:
                await asyncio.sleep(answer.seconds)
            facts = {**process.container.identity.facts, "date": formatdate(time.time(), usegmt=True)}
            await process.out(fill(answer.stdout, facts))
            await process.err(fill(answer.stderr, facts))
            return answer.exit_code
        await process.complain(f"the scenario has no answer to {' '.join(arguments) or 'no arguments'}")
        return 64

    return program
