"""Fill a scenario's templates: {name} for what is known, everything else untouched."""

import re
from collections.abc import Mapping

PLACE = re.compile(r"\{([a-z_]+)\}")


def fill(template: str, facts: Mapping[str, str]) -> str:
    """Return the template with each {name} that facts know replaced; JSON braces stay as they are."""
    return PLACE.sub(lambda found: facts.get(found[1], found[0]), template)


def tag_of(image: str) -> str:
    """Return an image's tag, "latest" where it has none."""
    name = image.rsplit("/", 1)[-1]
    return name.partition(":")[2] or "latest"
