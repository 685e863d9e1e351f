"""Keep the containers somebody touched; a container nobody touches is not here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from podium.sandbox.runtime.answers import answering
from podium.sandbox.runtime.files import Entry, FileSystem
from podium.sandbox.runtime.images import Base, Extra, build
from podium.sandbox.runtime.process import Container, Identity, Process, Program
from podium.sandbox.runtime.programs.registry import PROGRAMS
from podium.sandbox.world.pods import Answers, ContainerSpec, Pod
from podium.sandbox.world.scenario import Image, Scenario
from podium.sandbox.world.text import fill, tag_of

Key = tuple[str, str, int]


@dataclass(slots=True)
class Containers:
    """Find or make a pod's container; images are built once."""

    scenario: Scenario
    file_cap: int
    made: dict[Key, Container] = field(default_factory=dict)
    images: dict[str, dict[str, Entry]] = field(default_factory=dict)
    programs: dict[str, Mapping[str, Program]] = field(default_factory=dict)

    def find(self, pod: Pod, name: str) -> Container:
        """Return a running container of a pod, made at the first touch."""
        key = (pod.uid, name, pod.restarts)
        container = self.made.get(key)
        if container is None:
            container = self.made[key] = self._make(pod, name)
        return container

    def end(self, pod: Pod) -> list[Process]:
        """End every process of a pod and forget its files; returns the processes that were running."""
        doomed: list[Process] = []
        for key in [key for key in self.made if key[0] == pod.uid]:
            doomed.extend(self.made.pop(key).kill_all())
        return doomed

    def image_for(self, name: str) -> Image:
        """Return the scenario's first image rule for an image name."""
        return next((one for one in self.scenario.images if fnmatchcase(name, one.match)), Image("*"))

    def _make(self, pod: Pod, name: str) -> Container:
        spec = next(one for one in pod.template.containers if one.name == name)
        identity = Identity(
            pod.name, pod.namespace, pod.node, pod.address, name, spec.image, pod.started, facts_of(pod, spec)
        )
        programs = self._programs(spec.image, pod.trouble.answers)
        files = FileSystem(self._tree(spec.image, pod.trouble.files, identity), self.file_cap)
        env = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443", **spec.env}
        return Container(identity, files, programs, env, main=self.image_for(spec.image).main)

    def _programs(self, image: str, own: Mapping[str, Answers]) -> Mapping[str, Program]:
        known = self.programs.get(image)
        if known is not None and not own:
            return known
        made: dict[str, Program] = dict(PROGRAMS)
        # the scenario's own stand before those it extends, and win
        for program in reversed(self.scenario.programs):
            if fnmatchcase(image, program.images):
                made[f"scenario:{program.name}"] = answering(own.get(program.name, program.answers))
        if not own:
            self.programs[image] = made
        return made

    def _tree(self, image: str, own: Mapping[str, str], identity: Identity) -> dict[str, Entry]:
        tree = self.images.get(image)
        if tree is None:
            rule = self.image_for(image)
            facts = {"image": image, "tag": tag_of(image)}
            texts = {path: fill(text, facts) for path, text in rule.files.items()}
            extras = [
                Extra(program.path, f"scenario:{program.name}")
                for program in reversed(self.scenario.programs)
                if fnmatchcase(image, program.images)
            ]
            tree = self.images[image] = build(Base(rule.base), rule.without, texts, extras)
        return _with_own(tree, own, identity)


def facts_of(pod: Pod, spec: ContainerSpec) -> dict[str, str]:
    """Return what templates may say of a container."""
    return {
        **pod.template.facts,
        "pod": pod.name,
        "namespace": pod.namespace,
        "node": pod.node,
        "ip": pod.address,
        "image": spec.image,
        "tag": tag_of(spec.image),
        "container": spec.name,
    }


def _with_own(tree: dict[str, Entry], own: Mapping[str, str], identity: Identity) -> dict[str, Entry]:
    if not own:
        return tree
    texts = {path: fill(text, identity.facts) for path, text in own.items()}
    extra = build(Base.DISTROLESS, (), texts, ())
    return {**tree, **{path: extra[path] for path in texts}}
