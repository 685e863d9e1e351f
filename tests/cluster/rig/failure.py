"""The one error of the rig: a clear line for whoever called `scripts/cluster`."""


class RigError(Exception):
    """Say what failed, where, and what to do about it, in one line."""
