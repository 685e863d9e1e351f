"""An embedded Kubernetes API server for demos and tests.

Law: a stranger. It imports nothing of podium outside podium.sandbox and shares no code with the client it is met by;
it speaks only the Kubernetes wire, over TLS, on loopback. Pods run built-in programs on private in-memory files:
nothing of the host is ever run, read or touched. Where a real API server or kubelet differs, this is wrong.
"""

from podium.sandbox.run import Sandbox, serve
from podium.sandbox.settings import ExecWire, Rule, Settings, User

__all__ = ["ExecWire", "Rule", "Sandbox", "Settings", "User", "serve"]
