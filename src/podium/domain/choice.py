"""Which containers of a pod: -c, --all-containers, --image, given targets, else the default one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from podium.domain.globs import Globs, globs, is_glob
from podium.domain.inventory import Container, ContainerKind, ContainerState, Pod
from podium.domain.leftout import by_choice, no_such_container, short_image
from podium.domain.selection import LeftOut, LeftOutWhy, Selection
from podium.domain.targets import Target

BY_ANNOTATION = "by annotation"
FIRST_OF_SEVERAL = "first of several"
_PASSING = frozenset({ContainerKind.INIT, ContainerKind.EPHEMERAL})


@dataclass(frozen=True, slots=True)
class Chosen:
    """Containers to look at, what is left out already, and how the default was found ("" where there was no choice)."""

    containers: Sequence[Container]
    left_out: tuple[LeftOut, ...] = ()
    how: str = ""


class Choice:
    """The container rules of one selection."""

    def __init__(self, selection: Selection) -> None:
        self._exact = tuple(dict.fromkeys(name for name in selection.containers if not is_glob(name)))
        self._wild = globs(name for name in selection.containers if is_glob(name))
        self._asked = selection.containers
        self._all = selection.all_containers
        self._has_image = _image_test(globs(selection.images)) if selection.images else None

    def of(self, pod: Pod, given: Sequence[Target] = ()) -> Chosen:
        """Choose in one pod. `given` are the targets named one by one that speak of it."""
        named = tuple(dict.fromkeys(target.container for target in given if target.container != ""))
        if not named:
            return self._by_rules(pod)
        chosen = self._with_image(pod, self._named(pod, named))
        if all(target.container != "" for target in given):
            return chosen
        rest = self._by_rules(pod)
        more = [one for one in rest.containers if one.name not in named]
        return Chosen([*chosen.containers, *more], (*chosen.left_out, *rest.left_out), rest.how)

    def _by_rules(self, pod: Pod) -> Chosen:
        if self._asked:
            return self._with_image(pod, self._by_pattern(pod))
        if self._all:
            return self._with_image(pod, Chosen(_present(pod.containers)))
        return self._default(pod)

    def _named(self, pod: Pod, names: Sequence[str]) -> Chosen:
        """Containers named one by one; with -c only those that it names as well."""
        if self._asked:
            fitting = [name for name in names if name in self._exact or name in self._wild]
            if not fitting:
                return Chosen((), (no_such_container(pod, ",".join(self._asked), named=False),))
            names = fitting
        found = {container.name: container for container in pod.containers}
        missing = tuple(no_such_container(pod, name, named=True) for name in names if name not in found)
        return Chosen([found[name] for name in names if name in found], missing)

    def _by_pattern(self, pod: Pod) -> Chosen:
        """Exact names must be there; a glob takes what it finds, and of what passes only what runs now."""
        found = {container.name: container for container in pod.containers}
        missing = tuple(no_such_container(pod, name, named=True) for name in self._exact if name not in found)
        exact = [found[name] for name in self._exact if name in found]
        wild = [one for one in pod.containers if one.name in self._wild and one.name not in self._exact]
        chosen = [*exact, *(_present(wild) or ([] if exact else wild))]
        if not chosen and not missing:
            missing = (no_such_container(pod, ",".join(self._asked), named=False),)
        return Chosen(chosen, missing)

    def _default(self, pod: Pod) -> Chosen:
        """The container that the annotation names, else the first regular one, as kubectl does."""
        several = [one for one in pod.containers if one.kind not in _PASSING]
        if self._has_image is not None:
            several = [one for one in several if self._has_image(one.image)]
            if not several:
                return _other_image(pod)
        if pod.default_container != "":
            pool = several if self._has_image is not None else pod.containers
            for one in pool:
                if one.name == pod.default_container:
                    return Chosen((one,), how=BY_ANNOTATION)
        regular = [one for one in several if one.kind is ContainerKind.REGULAR] or several
        return Chosen(regular[:1], how=FIRST_OF_SEVERAL if len(several) > 1 else "")

    def _with_image(self, pod: Pod, chosen: Chosen) -> Chosen:
        if self._has_image is None:
            return chosen
        fitting = [one for one in chosen.containers if self._has_image(one.image)]
        if not fitting and not chosen.left_out:
            return _other_image(pod)
        return Chosen(fitting, chosen.left_out)


def _present(containers: Sequence[Container]) -> list[Container]:
    """Without init and ephemeral containers that do not run now: those come and go."""
    return [one for one in containers if one.kind not in _PASSING or one.state is ContainerState.RUNNING]


def _other_image(pod: Pod) -> Chosen:
    return Chosen((), (by_choice(pod, LeftOutWhy.FILTERED, "of another image"),))


def _image_test(wanted: Globs) -> Callable[[str], bool]:
    """Whether an image fits, whole or without its registry and path, with its tag and digest or without."""

    @cache
    def test(image: str) -> bool:
        plain = image.partition("@")[0]
        short = short_image(plain)
        path, slash, last = plain.rpartition("/")
        untagged = path + slash + last.partition(":")[0]
        return any(form in wanted for form in (image, plain, short, untagged, short.partition(":")[0]))

    return test
