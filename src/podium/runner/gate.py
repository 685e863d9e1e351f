"""The only place where an Admission is made: nothing touches a pod without one.

It admits every plan today; rights, policy and the audit record join here, before the admission is made.
"""

from __future__ import annotations

from podium.domain.admission import Admission, digest_of_command, digest_of_targets
from podium.runner.plan import Plan


def admit(plan: Plan, identity: str) -> Admission:
    """Admit the whole plan, bound to its run, action, identity, command and targets."""
    return Admission(
        run=plan.run,
        action=plan.action,
        identity=identity,
        command_digest=digest_of_command(plan.command),
        targets_digest=digest_of_targets(plan.targets),
        uids=frozenset((target.cluster, target.uid, target.container) for target in plan.targets),
    )
