"""The only place where an Admission is made: nothing touches a pod without one, and none is made unrecorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from podium.domain.admission import Admission, digest_of_command, digest_of_targets, key_of
from podium.domain.audit import AuditRecord, Moment
from podium.ports import AuditTrail
from podium.runner.plan import Plan


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: the cluster's own name for us, whom we impersonate, and the user and host here."""

    who: str
    impersonated: str = ""
    os_user: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What the record says of an act beside its plan."""

    selection: str
    contexts: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """A plan that may run: its admission, and the record to be closed when it is over."""

    admission: Admission
    record: AuditRecord
    head: str  #: the trail's hash after the record


async def admit(plan: Plan, actor: Actor, purpose: Purpose, trail: AuditTrail, at: float) -> Passage:
    """Record the act, and then admit the plan: bound to run, action, identity, command and the targets still to run.

    `at` in seconds since the epoch. Raises NotAllowedError where the record cannot be written: nothing may run.
    """
    record = AuditRecord(
        moment=Moment.BEFORE,
        run=plan.run,
        at=at,
        who=actor.who,
        impersonated=actor.impersonated,
        os_user=actor.os_user,
        host=actor.host,
        verb=plan.action,
        command=plan.command.title,
        command_digest=digest_of_command(plan.command).hex(),
        selection=purpose.selection,
        contexts=purpose.contexts,
        namespaces=tuple(sorted({target.namespace for target in plan.pending})),
        targets=len(plan.pending),
        reason=purpose.reason,
    )
    head = await trail.append(record)
    admission = Admission(
        run=plan.run,
        action=plan.action,
        identity=actor.who,
        command_digest=digest_of_command(plan.command),
        targets_digest=digest_of_targets(plan.pending),
        uids=frozenset(key_of(target) for target in plan.pending),
        own_digests={key_of(target): digest_of_command(command) for target, command in plan.commands.items()},
    )
    return Passage(admission, record, head)


async def close(passage: Passage, counts: Mapping[str, int], trail: AuditTrail, at: float) -> str:
    """Record how the act came out, by outcome; returns the trail's hash. Raises NotAllowedError."""
    return await trail.append(replace(passage.record, moment=Moment.AFTER, at=at, counts=dict(counts)))
