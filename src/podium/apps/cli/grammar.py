"""The verbs and their flags: what can be said, apart from what it does."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import click

from podium.apps.cli.options import (
    CARE,
    CLUSTER,
    COLOR,
    CONNECT_TIMEOUT,
    INPUT,
    LOUDNESS,
    NAMESPACES,
    NO_JOURNAL,
    PACE,
    SANDBOX,
    SCREEN,
    SECRET,
    SELECTION,
    STATE_DIR,
    TRAIL,
    left_out_flag,
    only_flag,
    output,
    role_flag,
)
from podium.apps.cli.verbs import Verb

SHELLS = ("bash", "zsh", "fish")

_EXEC = Verb(
    "exec",
    "podium.apps.cli.exec",
    [
        click.Argument(["words"], nargs=-1),
        *CLUSTER,
        *SELECTION,
        *INPUT,
        *PACE,
        *CONNECT_TIMEOUT,
        *CARE,
        *SECRET,
        *STATE_DIR,
        *NO_JOURNAL,
        output("text", "wide", "name", "json", "jsonl", "junit"),
        *SCREEN,
        *COLOR,
        *LOUDNESS,
    ],
    """Run a command in every target and fold equal answers into one.

TARGETS: NAME|GLOB, TYPE/NAME (deploy sts ds rs job cronjob pod svc), -l, --field-selector, --targets-from, --all.

\b
  podium exec -n shop deploy/web -- cat /app/REVISION
  podium exec -A -l app=web --sh 'df -h / | tail -1'

{pod}, {namespace}, {node}, {ip}, {container} and {label:KEY} in the command stand for each target's own, quoted in
--sh; {{pod}} writes it literally, ${pod} stays the shell's. --dry-run shows the whole plan.

-o name prints the targets where the command succeeded.""",
    "TARGETS [flags] -- COMMAND [ARGS]",
)

_TARGETS = Verb(
    "targets",
    "podium.apps.cli.targets",
    [
        click.Argument(["words"], nargs=-1),
        *CLUSTER,
        *CONNECT_TIMEOUT,
        *SELECTION,
        *STATE_DIR,
        left_out_flag(),
        output("text", "wide", "name", "json"),
        *COLOR,
        *LOUDNESS,
    ],
    """Show what a selection picks, and with --left-out what it leaves out and why.

Without TARGETS: the whole namespace.""",
    "[TARGETS] [flags]",
)

_DOCTOR = Verb(
    "doctor",
    "podium.apps.cli.doctor",
    [*CLUSTER, *CONNECT_TIMEOUT, *NAMESPACES, role_flag(), output("text", "json"), *COLOR, *LOUDNESS],
    """Say which clusters are reached, as whom, with which rights; --role prints the Role that is missing.

\b
  podium doctor --context '*'
  podium doctor --role exec,logs -n pay > role.yaml""",
    "[flags]",
)

_CONFIG = Verb(
    "config",
    "podium.apps.cli.config",
    [
        click.Argument(["action"], type=click.Choice(["view"]), required=False),
        output("text", "json"),
    ],
    """Show every setting, and where it comes from: a default, a file, a variable PODIUM_...

\b
  # $XDG_CONFIG_HOME/podium/settings.toml
  timeout = "2m"
  guarded-contexts = ["*prod*", "live-*"]
  [selections]
  web = "-n shop deploy/web"

Then `podium exec @web -- nginx -t` runs there. Flags win over variables, they over files; what
/etc/podium/settings.toml names under lock = ["timeout"] stays as it says.""",
    "[view] [-o json]",
)

_SANDBOX = Verb(
    "sandbox",
    "podium.apps.cli.sandbox",
    [*SANDBOX, *LOUDNESS],
    """Run an embedded cluster to try things on: nothing real is touched.

\b
  podium sandbox -- podium exec -A --all -- hostname
  podium sandbox --pods 1000 --write-kubeconfig sandbox.yaml

With -- CMD it serves that one command, passes its exit status, and stops; without it, until Ctrl-C.""",
    "[flags] [-- CMD]",
)

_TRAIL = Verb(
    "trail",
    "podium.apps.cli.trail",
    [
        click.Argument(["action"], type=click.Choice(["list", "show", "verify", "export"]), required=False),
        click.Argument(["run_id"], required=False, metavar="RUN"),
        *TRAIL,
        *STATE_DIR,
        output("text", "json", "csv"),
        *LOUDNESS,
    ],
    """List, show, verify and export the audit trail: what was run from this account, before and after.

\b
  podium trail list --since 24h --verb exec
  podium trail show last
  podium trail verify --head HASH
  podium trail export -o csv > trail.csv

It is a seat belt, not a fence: see docs/explanation/audit-trail.md.""",
    "[list|show RUN|verify|export] [flags]",
)

_COMPLETION = Verb(
    "completion",
    "podium.apps.cli.completion",
    [click.Argument(["shell"], type=click.Choice(SHELLS))],
    """Print the completion script of a shell.

\b
  bash: source <(podium completion bash)
  zsh:  source <(podium completion zsh)
  fish: podium completion fish | source

For `kubectl podium` the program kubectl_complete-podium, installed beside podium, needs nothing more.""",
    "bash|zsh|fish",
)

_VERSION = Verb("version", "podium.apps.cli.version", [output("text", "json")], "Print the version.", "[-o json]")

_RUNS = Verb(
    "runs",
    "podium.apps.cli.runs",
    [
        click.Argument(
            ["action"], type=click.Choice(["list", "show", "output", "follow", "wait", "diff"]), required=False
        ),
        click.Argument(["ids"], nargs=-1),
        *STATE_DIR,
        output("text", "wide", "name", "json", "jsonl", "junit"),
        *SCREEN,
        *COLOR,
        *LOUDNESS,
    ],
    """List the kept runs, show one again, follow one or wait for it, compare two.

\b
  podium runs list
  podium runs show last
  podium runs output 01JX7K            what all its targets wrote, target after target
  podium runs wait last && podium runs show last
  podium runs diff 01JX7K last

ID is the beginning of a run's id, or `last`. Runs are kept for 30 days, their outputs up to 2 GiB in all.""",
    "[list|show ID|output ID|follow ID|wait ID|diff A B] [flags]",
)

_RESUME = Verb(
    "resume",
    "podium.apps.cli.resume",
    [
        click.Argument(["run"], metavar="ID"),
        *CLUSTER,
        *CONNECT_TIMEOUT,
        *STATE_DIR,
        *(flag for flag in INPUT if flag.name in {"stdin", "stdin_from", "env"}),
        *PACE,
        *CARE,
        *SECRET,
        output("text", "wide", "name", "json", "jsonl", "junit"),
        *SCREEN,
        *COLOR,
        *LOUDNESS,
    ],
    """Go on with a run that stopped before its end: what was never started, and what was rejected.

What ended stays as it ended. Lost, timed out and cancelled targets may still run: they are tried again only with
--idempotent, given then or now. Pods that were replaced since are skipped as gone, new ones of the selection are told
and not added. Values of --env and stdin are not kept: give them again.

\b
  podium resume last
  podium resume 01JX7K --max-failures 10%""",
    "ID [flags]",
)

_RERUN = Verb(
    "rerun",
    "podium.apps.cli.rerun",
    [
        click.Argument(["run"], metavar="ID"),
        only_flag(),
        *CLUSTER,
        *CONNECT_TIMEOUT,
        *STATE_DIR,
        *(flag for flag in INPUT if flag.name in {"stdin", "stdin_from", "env"}),
        *PACE,
        *CARE,
        *SECRET,
        output("text", "wide", "name", "json", "jsonl", "junit"),
        *SCREEN,
        *COLOR,
        *LOUDNESS,
    ],
    """Run the command of a kept run again, as a new run, in those of its targets that ended so.

\b
  podium rerun last --only rejected
  podium rerun 01JX7K --only failed,lost --timeout 10m""",
    "ID --only OUTCOME,.. [flags]",
)

_CANCEL = Verb(
    "cancel",
    "podium.apps.cli.cancel",
    [click.Argument(["run"], metavar="ID"), *STATE_DIR, *LOUDNESS],
    """End a run that another process runs: nothing more is started, what is in flight has 5 s.

What has not ended then is cancelled, unconfirmed: it may still run in its pod.""",
    "ID [flags]",
)

GRAMMAR: Mapping[str, Verb] = MappingProxyType(
    {
        verb.name or "": verb
        for verb in (
            _EXEC,
            _TARGETS,
            _RUNS,
            _RESUME,
            _RERUN,
            _CANCEL,
            _TRAIL,
            _DOCTOR,
            _CONFIG,
            _SANDBOX,
            _COMPLETION,
            _VERSION,
        )
    }
)
