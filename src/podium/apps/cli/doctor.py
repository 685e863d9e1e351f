"""podium doctor: which clusters are reached, as whom, with which rights. It opens no exec."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from podium.apps import bootstrap
from podium.apps.cli import render, session
from podium.apps.cli.connecting import Surroundings, read_connect
from podium.apps.cli.selecting import read_reach, read_where
from podium.apps.cli.tables import table
from podium.apps.cli.verbs import Call
from podium.apps.cli.wire_json import Shape, encode, unreached_record
from podium.domain.errors import ClusterError, UsageError
from podium.domain.escapes import neutralise
from podium.domain.globs import is_glob
from podium.domain.inventory import Unreached
from podium.domain.rights import Feature, Right, Scope, parse_features, protocols_expected, rights_for, role_for
from podium.domain.selection import Where
from podium.domain.units import format_elapsed
from podium.features.exec.request import Reach
from podium.runner.fleet import Cluster, Fleet

_SKEW = 2.0  #: seconds of a clock that are worth a word
_EXAMINED = (Feature.EXEC, Feature.LOGS)


@dataclass(frozen=True, slots=True)
class _Wish:
    connect: bootstrap.Connect
    where: Where
    features: tuple[Feature, ...] | None  #: of --role, None without it
    form: str
    quiet: bool
    reach: Reach


@dataclass(frozen=True, slots=True)
class _Right:
    namespace: str
    right: Right
    allowed: bool | None


@dataclass(frozen=True, slots=True)
class _Examined:
    cluster: Cluster
    who: str = ""
    version: str = ""
    skew: float | None = None
    rights: tuple[_Right, ...] = ()
    error: str = ""  #: why it was not reached

    @property
    def lacks(self) -> tuple[_Right, ...]:
        return tuple(one for one in self.rights if one.allowed is False and one.right.essential)


def act(call: Call) -> int:
    """Act; gives the exit status."""
    flags = call.flags
    if call.command is not None:
        raise UsageError("doctor runs no command: leave out -- and what follows")
    where = read_where(flags)
    if any(is_glob(name) for name in where.namespaces):
        raise UsageError("-n: doctor examines namespaces by name, not by glob; -A examines the whole cluster")
    role = flags.text("role")
    features = None if role is None else parse_features(role)
    around = Surroundings(os.environ, warn=render.say)
    form = flags.text("output") or "text"
    wish = _Wish(read_connect(flags, around), where, features, form, flags.is_set("quiet"), read_reach(flags))
    return session.run(partial(_examine, wish))


async def _examine(wish: _Wish, interrupts: session.Interrupts) -> int:  # noqa: ARG001 - nothing to end gracefully
    async with bootstrap.connect(wish.connect) as fleet:
        found = await asyncio.gather(*(_examined(cluster, wish) for cluster in fleet.clusters))
        failed = "; ".join(dict.fromkeys(one.error for one in found)) if all(one.error for one in found) else ""
        _print(wish, fleet, found, failed)
    if failed:
        render.error(failed)
        return 4
    if wish.features is not None:
        return 0
    well = not fleet.unreached and not any(one.error or one.lacks for one in found)
    return 0 if well else 1


async def _examined(cluster: Cluster, wish: _Wish) -> _Examined:
    try:
        about = await cluster.about() if cluster.about is not None else None
        who = await _who(cluster)
        rights = await _rights(cluster, wish)
    except ClusterError as error:
        return _Examined(cluster, error=str(error))
    if about is None:
        return _Examined(cluster, who, rights=rights)
    return _Examined(cluster, who, about.version, about.skew, rights)


async def _who(cluster: Cluster) -> str:
    try:
        return await cluster.reviews.who_am_i()
    except ClusterError:
        return ""  # servers before 1.28 do not tell


async def _rights(cluster: Cluster, wish: _Wish) -> tuple[_Right, ...]:
    features = _EXAMINED if wish.features is None else wish.features
    everywhere = wish.where.everywhere
    wanted = rights_for(features, everywhere=everywhere)
    namespaces = ("",) if everywhere else wish.where.namespaces or (cluster.namespace,)
    asked = [(namespace, right) for namespace in namespaces for right in wanted]
    answers = await asyncio.gather(*(_may(cluster, namespace, right) for namespace, right in asked))
    return tuple(_Right(*pair, answer) for pair, answer in zip(asked, answers, strict=True))


async def _may(cluster: Cluster, namespace: str, right: Right) -> bool | None:
    place = "" if right.scope is Scope.CLUSTER else namespace
    return await cluster.reviews.may(right.verb, right.resource, place)


def _print(wish: _Wish, fleet: Fleet, found: Sequence[_Examined], failed: str) -> None:
    if wish.features is not None:
        _print_roles(found)
    elif wish.form == "json":
        whole = {
            "clusters": [_record(one) for one in found],
            "unreached": [unreached_record(one) for one in fleet.unreached],
            "error": {"exit": 4, "text": failed} if failed else None,
        }
        render.write_out(encode(whole) + b"\n")
    else:
        for line in _report(wish.reach, fleet, found):
            render.answer(neutralise(line))


def _print_roles(found: Sequence[_Examined]) -> None:
    documents: list[str] = []
    for one in found:
        unsure = sum(right.allowed is None for right in one.rights)
        if unsure > 0:
            render.say(f"{one.cluster.name}: it does not say whether we have {unsure} of the rights; they are left out")
        for namespace in dict.fromkeys(right.namespace for right in one.rights):
            missing = [right.right for right in one.rights if right.namespace == namespace and right.allowed is False]
            yaml = role_for(missing, namespace, _subject(one))
            if yaml:
                documents.append(f"# {one.cluster.name}\n{yaml}")
    if documents:
        render.answer("---\n".join(documents).rstrip("\n"))
    else:
        render.say("no right is missing: nothing to apply")


def _subject(one: _Examined) -> str:
    if one.who:
        return one.who
    raise UsageError(f"{one.cluster.name} does not say who we are: a Role cannot be bound")


def _report(reach: Reach, fleet: Fleet, found: Sequence[_Examined]) -> list[str]:
    heads = ("CONTEXT", "SERVER", "VERSION", "WHO", "EXEC", "CLOCK")
    rows = [_row(one) for one in found if not one.error]
    lines = list(table(heads, rows, None)) if rows else []
    for one in found:
        if one.error:
            lines.append(f"{one.cluster.name}: not reached: {one.error}")
            continue
        for namespace in dict.fromkeys(right.namespace for right in one.rights):
            lines += _rights_lines(one, namespace, reach.at(one.cluster.name if len(found) > 1 else None))
    lines += [_unreached_line(one) for one in fleet.unreached]
    return lines


def _row(one: _Examined) -> list[str]:
    expected = protocols_expected(one.version)
    protocol = (
        expected.plain if expected.plain == expected.with_stdin else f"{expected.plain}, -i {expected.with_stdin}"
    )
    name, server = one.cluster.name, one.cluster.server
    return [name, server, one.version or "?", one.who or "?", protocol, _clock(one.skew)]


def _clock(skew: float | None) -> str:
    if skew is None:
        return "?"
    if abs(skew) < _SKEW:
        return "right"
    return f"{format_elapsed(abs(skew))} {'ahead' if skew > 0 else 'behind'}"


def _rights_lines(one: _Examined, namespace: str, reach: str) -> list[str]:
    place = f"namespace {namespace}" if namespace else "all namespaces"
    here = [right for right in one.rights if right.namespace == namespace]
    words = {True: "yes", False: "NO", None: "not told"}
    listed = " · ".join(f"{one.right.verb} {one.right.resource} {words[one.allowed]}" for one in here)
    lines = [f"{one.cluster.name}, {place}: {listed}"]
    told = {(each.right.verb, each.right.resource): each.allowed for each in here}
    if told.get(("get", "pods/exec")) is False and told.get(("create", "pods/exec")) is True:
        lines.append("  create without get on pods/exec: kubectl gets through by SPDY, podium needs get as well")
    if any(right.allowed is False for right in here):
        flag = f"-n {namespace}" if namespace else "-A"
        lines.append(f"  what is missing, ready to apply: podium doctor{reach} --role exec,logs {flag}")
    return lines


def _unreached_line(one: Unreached) -> str:
    return f"{one.cluster}: not reached: {one.detail}"


def _record(one: _Examined) -> Shape:
    expected = protocols_expected(one.version) if one.version else None
    return {
        "context": one.cluster.name,
        "server": one.cluster.server,
        "reached": not one.error,
        "detail": one.error or None,
        "version": one.version or None,
        "who": one.who or None,
        "exec_protocol": expected.plain if expected else None,
        "exec_protocol_with_stdin": expected.with_stdin if expected else None,
        "clock_skew": one.skew,
        "rights": [
            {
                "namespace": right.namespace or None,
                "verb": right.right.verb,
                "resource": right.right.resource,
                "essential": right.right.essential,
                "allowed": right.allowed,
            }
            for right in one.rights
        ],
    }
