"""`python -m podium`: the same as `podium`."""

from podium.apps.cli.main import entry

entry()
