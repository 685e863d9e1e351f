"""The rig: a real Kubernetes control plane and real nodes on one Linux machine.

Law: standard library only (it runs with the system's Python, before any virtual environment exists);
all state lives in one folder (`Layout.home`); every process it starts is recorded with its start time, and
only recorded processes, members of the rig's own cgroups and shims of the rig's own containerd are ended.
Tests talk to the rig through `scripts/cluster`, never through these modules.
"""
