"""Read a scenario file: what a fleet looks like, in TOML."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from podium.sandbox.world.pods import ContainerSpec, ProgramAnswer, State

Table = Mapping[str, Any]
T = TypeVar("T")
E = TypeVar("E", bound=Enum)


class ScenarioError(Exception):
    """A scenario cannot be read; says file, place and what to do."""


class WorkloadKind(Enum):
    """What owns pods."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"
    JOB = "Job"
    CRON_JOB = "CronJob"
    NAKED = "Pod"


@dataclass(frozen=True, slots=True)
class Pool:
    """A node pool; `share` is its weight among the nodes."""

    name: str
    share: float = 1.0
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OddNode:
    """A node that differs: the `index`-th of a pool."""

    pool: str
    index: int = 0
    ready: bool = True
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """What images that match a glob hold: a base, programs it lacks, files (templates) and its main process."""

    match: str
    base: str = "alpine"
    without: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    main: tuple[str, ...] = ("/app/server",)


@dataclass(frozen=True, slots=True)
class ScenarioProgram:
    """A program of the scenario: where it stands, in which images, what it answers."""

    name: str
    path: str
    images: str
    answers: tuple[ProgramAnswer, ...]


@dataclass(frozen=True, slots=True)
class Odd:
    """Some pods of a workload that differ: how many (a share of the workload, at least `least`) and in what."""

    share: float = 0.0
    least: int = 1
    pool: str | None = None
    revision: int | None = None
    image: str | None = None
    state: State = State.RUNNING
    exit_code: int = 1
    reason: str = "Error"
    message: str = ""
    restarts: tuple[int, int] = (0, 0)
    log: tuple[str, ...] | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, tuple[ProgramAnswer, ...]] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Workload:
    """An owner of pods; `share` is its weight, `count` fixes the number instead."""

    kind: WorkloadKind
    namespace: str
    name: str
    containers: tuple[ContainerSpec, ...]
    share: float = 1.0
    count: int | None = None
    revision: int = 1
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    pools: tuple[str, ...] = ()
    init_containers: tuple[ContainerSpec, ...] = ()
    odd: tuple[Odd, ...] = ()
    log: tuple[str, ...] = ()
    log_seconds: float = 5.0
    schedule: str = "0 * * * *"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole fleet."""

    pools: tuple[Pool, ...]
    images: tuple[Image, ...]
    programs: tuple[ScenarioProgram, ...]
    workloads: tuple[Workload, ...]
    odd_nodes: tuple[OddNode, ...] = ()
    faults: tuple[str, ...] = ()


def load(name: str) -> Scenario:
    """Read a scenario by name or by file. Raises ScenarioError."""
    folder = resources.files("podium.sandbox.scenarios")
    path = Path(name)
    inside = folder / f"{name}.toml"
    if "/" not in name and not name.endswith(".toml") and inside.is_file():
        return parse(inside.read_text(encoding="utf-8"), f"{name}.toml")
    if not path.is_file():
        known = sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))
        raise ScenarioError(f"no scenario {name!r}: neither a file nor one of {', '.join(known)}")
    return parse(path.read_text(encoding="utf-8"), name)


def parse(text: str, where: str = "scenario") -> Scenario:
    """Read a scenario from TOML; `where` names it in errors. Raises ScenarioError."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{where}: {error}") from None
    return _Reader(where).scenario(table)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turn tables into values; every unknown word is an error that names its place."""

    where: str

    def scenario(self, table: Table) -> Scenario:
        self._known(table, "the top", "extends", "pool", "node", "image", "program", "workload", "faults")
        base = Scenario((), (), (), ())
        if "extends" in table:
            base = load(str(table["extends"]))
        workloads = tuple(self._workload(one) for one in table.get("workload", ()))
        replaced = {(one.kind, one.namespace, one.name) for one in workloads}
        kept = tuple(one for one in base.workloads if (one.kind, one.namespace, one.name) not in replaced)
        scenario = Scenario(
            tuple(self._make(Pool, one, "pool") for one in table.get("pool", ())) or base.pools,
            (*(self._image(one) for one in table.get("image", ())), *base.images),
            (*(self._program(one) for one in table.get("program", ())), *base.programs),
            (*workloads, *kept),
            (*(self._make(OddNode, one, "node") for one in table.get("node", ())), *base.odd_nodes),
            (*table.get("faults", ()), *base.faults),
        )
        if not scenario.workloads:
            raise ScenarioError(f"{self.where}: no [[workload]]: a fleet needs one")
        return scenario if scenario.pools else Scenario((Pool("a"),), *_rest(scenario))

    def _known(self, table: Table, place: str, *names: str) -> None:
        unknown = sorted(set(table) - set(names))
        if unknown:
            raise ScenarioError(f"{self.where}: {place} has no {unknown[0]!r}; it takes {', '.join(names)}")

    def _make(self, kind: type[T], table: Table, place: str) -> T:
        names = tuple(kind.__dataclass_fields__)  # type: ignore[attr-defined]
        self._known(table, f"[[{place}]]", *names)
        try:
            return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in table.items()})
        except TypeError as error:
            raise ScenarioError(f"{self.where}: [[{place}]]: {str(error).split('__init__() ')[-1]}") from None

    def _image(self, table: Table) -> Image:
        return self._make(Image, table, "image")

    def _answers(self, tables: Any) -> tuple[ProgramAnswer, ...]:
        return tuple(self._make(ProgramAnswer, {"args": None, **one}, "program.answer") for one in tables)

    def _program(self, table: Table) -> ScenarioProgram:
        self._known(table, "[[program]]", "name", "path", "images", "answer")
        name = str(table.get("name", ""))
        path = str(table.get("path", f"/usr/bin/{name}"))
        return ScenarioProgram(name, path, str(table.get("images", "*")), self._answers(table.get("answer", ())))

    def _containers(self, tables: Any) -> tuple[ContainerSpec, ...]:
        return tuple(self._make(ContainerSpec, one, "workload.containers") for one in tables)

    def _odd(self, table: Table) -> Odd:
        made: dict[str, Any] = dict(table)
        if "state" in made:
            made["state"] = self._enum(State, made["state"])
        if "answers" in made:
            made["answers"] = {name: self._answers(found) for name, found in made["answers"].items()}
        return self._make(Odd, made, "workload.odd")

    def _workload(self, table: Table) -> Workload:
        made: dict[str, Any] = dict(table)
        made["kind"] = self._enum(WorkloadKind, made.get("kind", "Deployment"))
        for key in ("containers", "init_containers"):
            if key in made:
                made[key] = self._containers(made[key])
        made["odd"] = tuple(self._odd(one) for one in made.get("odd", ()))
        return self._make(Workload, made, "workload")

    def _enum(self, kind: type[E], value: object) -> E:
        try:
            return kind(value)
        except ValueError:
            words = ", ".join(str(member.value) for member in kind)
            raise ScenarioError(f"{self.where}: {value!r} is not one of {words}") from None


def _rest(scenario: Scenario) -> tuple[Any, ...]:
    return scenario.images, scenario.programs, scenario.workloads, scenario.odd_nodes, scenario.faults
