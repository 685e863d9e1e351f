"""What can go wrong, by what the caller can do about it. Each message is one line: what, where, what to do."""

from __future__ import annotations


class PodiumError(Exception):
    """The root of all expected errors; its text is fit for a user's screen."""


class UsageError(PodiumError):
    """Wrong flags, selector, settings or kubeconfig: exit 2."""


class ClusterError(PodiumError):
    """A cluster could not be reached, or refused us: exit 4."""


class NothingMatchedError(PodiumError):
    """No target, or fewer than demanded: exit 3."""


class NotAllowedError(PodiumError):
    """Policy, rights, a "no" to a question, or no way to record: exit 6."""


class AdmissionError(PodiumError):
    """A target or command outside its admission: a bug, or an attack."""


class JournalError(NotAllowedError):
    """The journal cannot be written."""


class RunHeldError(NotAllowedError):
    """Another process runs this run."""
