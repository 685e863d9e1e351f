"""Fabricated runs, for the tests of what is shown of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.reading.fleets import GOOD, Shelf
from podium.domain.commands import Command
from podium.domain.events import Answer, Finished
from podium.domain.inventory import Container, Node, Owner, Pod, Unreached
from podium.domain.outcomes import Lost, Outcome, Reason, Rejected, Why
from podium.domain.selection import LeftOut, LeftOutWhy, Picked, Resolution
from podium.domain.targets import Target
from podium.features.exec.layout import Line, answers, header, last_lines
from podium.features.exec.report import Report, Stop
from podium.features.exec.screen import Options, Screen, screen
from podium.runner.plan import Plan

AT = 1_760_000_000.0
LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


def suffix(number: int) -> str:
    """Five characters as a ReplicaSet gives them, different for each number."""
    value = number * 7919 + 1_234_567
    text = ""
    for _ in range(5):
        value, digit = divmod(value, 36)
        text += LETTERS[digit]
    return text


@dataclass
class Fleet:
    """Pods, their ends and the left-out, added one by one."""

    shelf: Shelf = field(default_factory=Shelf)
    pods: list[tuple[Pod, Finished]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    nodes: dict[tuple[str, str], Node] = field(default_factory=dict)
    unreached: list[Unreached] = field(default_factory=list)

    def pod(
        self,
        name: str,
        *,
        node: str = "n1",
        pool: str = "a",
        revision: str = "42",
        image: str = "web:4.2.1",
        namespace: str = "shop",
        cluster: str = "prod-eu",
        workload: str | None = "web",
        restarts: int = 0,
    ) -> Pod:
        self.nodes[cluster, node] = Node(cluster, node, labels={"pool": pool})
        return Pod(
            cluster,
            namespace,
            name,
            f"uid-{cluster}-{namespace}-{name}",
            phase="Running",
            node=node,
            created=AT - 40 * 86_400,
            workload=None if workload is None else Owner("Deployment", workload),
            revision=revision,
            containers=(Container("app", f"registry.example/shop/{image}", restarts=restarts),),
        )

    def ran(
        self, pod: Pod, stdout: bytes = b"", stderr: bytes = b"", outcome: Outcome = GOOD, seconds: float = 0.4
    ) -> None:
        target = Target(pod.cluster, pod.namespace, pod.name, "app", pod.uid, pod.node)
        answer = Answer(self.shelf.put(stdout), self.shelf.put(stderr))
        self.pods.append((pod, Finished(target, 1, outcome, answer, seconds, AT)))

    def away(
        self, pod: Pod, label: str, *, exit_code: int | None = None, restarts: int = 0, counts: bool = True
    ) -> None:
        why = LeftOutWhy.WAITING if counts else LeftOutWhy.COMPLETED
        self.left_out.append(LeftOut(pod, "app", why, counts, label, exit_code, restarts))

    def report(self, command: Command | None = None, stop: Stop | None = None, seconds: float = 6.2) -> Report:
        targets = tuple(end.target for _, end in self.pods)
        picked = tuple(Picked(end.target, pod) for pod, end in self.pods)
        return Report(
            plan=Plan("01JX7K", "exec", command or Command(("cat", "/app/REVISION")), targets),
            resolution=Resolution(picked, tuple(self.left_out)),
            unreached=tuple(self.unreached),
            ends={end.target: end for _, end in self.pods},
            seconds=seconds,
            stop=stop,
        )

    def options(self, **changes: object) -> Options:
        plain: dict[str, object] = {
            "selection": "all pods of deploy/web",
            "contexts": ("prod-eu",),
            "who": "alice",
            "again": "-n shop deploy/web",
            "nodes": self.nodes,
        }
        return Options(**{**plain, **changes})  # type: ignore[arg-type]

    def screen(self, report: Report | None = None, **changes: object) -> Screen:
        return screen(report or self.report(), self.shelf.read, self.options(**changes))


def lines_of(shown: Screen, columns: int | None = None) -> list[Line]:
    report = shown.report
    return [
        header(report.plan, report.resolution, shown.options, columns),
        *answers(shown, columns),
        *last_lines(shown, columns),
    ]


def texts(lines: Sequence[Line]) -> list[str]:
    return [line.text for line in lines]


def model_fleet() -> Fleet:
    """The 1,200 pods of the model screen."""
    fleet = Fleet()
    for n in range(1140):
        fleet.ran(fleet.pod(f"web-7d4b9c-{suffix(n)}", node=f"n{n % 36}"), b"4.2.1\n")
    for n, name in enumerate(["2kq8x", *(suffix(5000 + n) for n in range(19))]):
        fleet.ran(fleet.pod(f"web-6f9c-{name}", node=f"n{n % 36}", revision="41", image="web:4.2.0"), b"4.2.0\n")
    for n in range(2):
        pod = fleet.pod(f"web-slim-{suffix(n)}", node=f"n{n}", image="web:4.2.1-slim")
        fleet.ran(pod, outcome=Rejected(Reason(Why.NO_EXECUTABLE, '"cat"')))
    lost = fleet.pod("web-7d4b9c-a1x2z", node="n17")
    fleet.ran(lost, outcome=Lost(Reason(Why.NO_STATUS)), seconds=3.1)
    for n in range(31):
        pod = fleet.pod(f"web-7d4b9c-x{suffix(n)}", node=f"c{n % 4}", pool="c", restarts=4 + n % 3)
        fleet.away(pod, "CrashLoopBackOff", exit_code=1, restarts=4 + n % 3)
    for n in range(6):
        fleet.away(
            fleet.pod(f"web-new-{suffix(n)}", node=f"n{n}", image="web:4.2.2", revision="43"),
            "ImagePullBackOff web:4.2.2",
        )
    return fleet
