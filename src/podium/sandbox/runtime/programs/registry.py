"""The built-in programs by name."""

from collections.abc import Mapping

from podium.sandbox.runtime.process import Program
from podium.sandbox.runtime.programs import basic, lines, printing, system, testing, texts, trees
from podium.sandbox.runtime.programs.tar import tar
from podium.sandbox.runtime.shell.program import script_file, shell
from podium.sandbox.runtime.shell.state import Dialect

PROGRAMS: Mapping[str, Program] = {
    **system.PROGRAMS,
    "true": basic.true,
    "false": basic.false,
    "hostname": basic.hostname,
    "sleep": basic.sleep,
    "pwd": basic.pwd,
    "whoami": basic.whoami,
    "id": basic.identity,
    "uname": basic.uname,
    "yes": basic.yes,
    "kill": basic.kill,
    "uptime": basic.uptime,
    "sync": basic.sync,
    "nproc": basic.nproc,
    "cat": texts.cat,
    "head": texts.head,
    "tail": texts.tail,
    "wc": texts.wc,
    "sort": lines.sort,
    "uniq": lines.uniq,
    "grep": lines.grep,
    "seq": texts.seq,
    "tee": texts.tee,
    "cut": texts.cut,
    "tr": texts.tr,
    "ls": trees.ls,
    "mkdir": trees.mkdir,
    "rm": trees.rm,
    "rmdir": trees.rmdir,
    "cp": trees.copy,
    "mv": trees.copy,
    "touch": trees.touch,
    "ln": trees.ln,
    "chmod": trees.chmod,
    "chown": trees.chown,
    "stat": trees.stat,
    "readlink": trees.readlink,
    "realpath": trees.readlink,
    "find": trees.find,
    "du": trees.du,
    "mktemp": trees.mktemp,
    "tar": tar,
    "echo": printing.echo,
    "printf": printing.printf,
    "test": testing.test,
    "[": testing.test,
    "sh": shell(Dialect.DASH),
    "bash": shell(Dialect.BASH),
    "ash": shell(Dialect.ASH),
    "#!": script_file,
}
