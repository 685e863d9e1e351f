"""The built-in programs by name."""

from collections.abc import Mapping

from podium.sandbox.runtime.process import Program
from podium.sandbox.runtime.programs import basic, texts

PROGRAMS: Mapping[str, Program] = {
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
}
