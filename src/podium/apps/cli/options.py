"""The flags that verbs share, row by row as the grammar has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from podium.apps.cli.values import COUNT, DURATION, PAIR, POSITIVE, POSITIVE_DURATION, SIZE
from podium.apps.cli.verbs import Flag
from podium.domain.errors import UsageError


def _flag(row: str) -> Callable[..., Flag]:
    def make(*names: str, **attributes: Any) -> Flag:
        return Flag(names, row, **attributes)

    return make


def _refuse(why: str) -> Callable[[click.Context, click.Parameter, object], None]:
    def callback(ctx: click.Context, param: click.Parameter, value: object) -> None:
        given = value not in (None, False)
        if given and not ctx.resilient_parsing:
            raise UsageError(f"{param.opts[-1]}: {why}")

    return callback


_cluster = _flag("Cluster")
CLUSTER = (
    _cluster("--kubeconfig", metavar="FILE", help="The kubeconfig file (default: $KUBECONFIG, else ~/.kube/config)."),
    _cluster("--context", multiple=True, metavar="GLOB", help="Contexts by name or glob; may be repeated."),
    _cluster("--cluster", metavar="NAME", help="Another cluster of the kubeconfig."),
    _cluster("--user", metavar="NAME", help="Another user of the kubeconfig."),
    _cluster("-s", "--server", metavar="URL", help="Another address of the API server."),
    _cluster("--token-file", metavar="FILE", help="A file with a bearer token, read again every minute."),
    _cluster("--certificate-authority", metavar="FILE", help="A file with the cluster's authority."),
    _cluster("--tls-server-name", metavar="NAME", help="The name to verify in the server's certificate."),
    _cluster("--proxy-url", metavar="URL", help="An HTTP, HTTPS or SOCKS5 proxy."),
    _cluster("--insecure-skip-tls-verify", is_flag=True, help="Do not verify the server's certificate."),
    _cluster("--request-timeout", type=DURATION, metavar="D", help="Time for one plain request (default 30s)."),
    _cluster("--as", "as_user", metavar="NAME", help="Act as this user."),
    _cluster("--as-group", "as_groups", multiple=True, metavar="NAME", help="Act in this group; may be repeated."),
    _cluster("--as-uid", metavar="UID", help="Act with this UID."),
    _cluster("--as-user-extra", multiple=True, type=PAIR, metavar="K=V", help="An extra of the user acted as."),
    _cluster(
        "--token", hidden=True, expose_value=False,
        callback=_refuse("a token in the arguments can be read by every user of this machine; use --token-file FILE"),
    ),
)  # fmt: skip

_where = _flag("Selection")
NAMESPACES = (
    _where("-n", "--namespace", multiple=True, metavar="NS|GLOB", help="Namespaces; repeated or by comma."),
    _where("-A", "--all-namespaces", is_flag=True, help="In all namespaces (where, never what)."),
)
SELECTION = (
    *NAMESPACES,
    _where("--all", "everything", is_flag=True, help="All pods there."),
    _where("-l", "--selector", "labels", multiple=True, metavar="SELECTOR", help="By labels; repeats unite."),
    _where("--field-selector", "field_selectors", multiple=True, metavar="SELECTOR", help="By fields."),
    _where("-c", "--container", "containers", multiple=True, metavar="GLOB", help="Containers by name or glob."),
    _where("--all-containers", is_flag=True, help="All running containers of each pod."),
    _where("--node", "nodes", multiple=True, metavar="GLOB", help="Pods on these nodes."),
    _where("-x", "--exclude", "excludes", multiple=True, metavar="EXPR", help="Not: a glob, TYPE/NAME, KEY=VALUE."),
    _where("--ready", type=click.Choice(["yes", "no"]), help="Only pods that are ready, or are not."),
    _where("--image", "images", multiple=True, metavar="GLOB", help="Containers of these images."),
    _where("--revision", type=click.Choice(["new", "old"]), help="The revision being rolled out, or any other."),
    _where("--newer-than", type=DURATION, metavar="D", help="Pods made less than D ago."),
    _where("--older-than", type=DURATION, metavar="D", help="Pods made more than D ago."),
    _where("--restarts-over", type=COUNT, metavar="N", help="Containers restarted more than N times."),
    _where("--sample", metavar="N[/PER]", help="N of them, or N per workload, image or node."),
    _where("--seed", type=COUNT, metavar="N", help="The seed of the sample: the same one picks the same."),
    _where("--targets-from", metavar="FILE|-", help="Targets, one a line, as `targets -o name` prints them."),
    _where(
        "--from-run", multiple=True, metavar="ID[:OUTCOME,..]",
        help="The targets of a kept run, or those that ended so (left-out: those that were none).",
    ),
    _where("--min-targets", type=POSITIVE, default=1, metavar="N", help="Exit 3 with fewer targets (default 1)."),
    _where("--allow-skipped", is_flag=True, help="Pods that should run and do not keep exit 0 possible."),
)  # fmt: skip


def left_out_flag() -> Flag:
    """What only targets has: the others instead."""
    return _where("--left-out", is_flag=True, help="Show those that are left out, and why.")


def only_flag() -> Flag:
    """What only rerun has: which ends to run again."""
    return _where("--only", required=True, metavar="OUTCOME,..", help="Those that ended so: failed, rejected, lost, …")


_input = _flag("Input")
INPUT = (
    _input("-i", "--stdin", is_flag=True, help="Our stdin, read once, to every target."),
    _input("--stdin-from", metavar="FILE", help="A file as every target's stdin."),
    _input("--sh", "line", metavar="'LINE'", help="A line for the container's shell, instead of -- COMMAND."),
    _input("--script", metavar="FILE", help="A script for the container's shell; -- ARGS are its arguments."),
    _input("--env", multiple=True, metavar="NAME[=V]", help="A variable of the command; without =V, ours."),
    _input("--cwd", metavar="DIR", help="The command's working directory."),
    _input(
        "-t", "--tty", is_flag=True, hidden=True, expose_value=False,
        callback=_refuse("no terminal for a command in many targets (it would mix stdout and stderr); leave it out"),
    ),
)  # fmt: skip

_ORDERS = ["spread", "name", "oldest", "newest", "random"]
_pace = _flag("Pace")
PACE = (
    _pace("--concurrency", type=POSITIVE, metavar="N", help="Attempts in flight per cluster (default 64)."),
    _pace("--max-per-node", type=POSITIVE, metavar="N", help="Attempts in flight per node (default 8)."),
    _pace("--max-per-workload", metavar="N|P%", help="In flight of one workload (default no limit)."),
    _pace(
        "--order",
        type=click.Choice(["spread", "name", "oldest", "newest", "random"]),
        help="Who starts first (default spread).",
    ),
    _pace("--retries", type=COUNT, metavar="N", help="After the first attempt, where it never began (default 2)."),
    _pace("--retry-on-exit", metavar="CODES", help="Also after these exit codes: 75,111."),
    _pace("--idempotent", is_flag=True, help="The command may run twice: lost and timed out are tried again too."),
    _pace("--timeout", type=DURATION, metavar="D", help="Time for one target (default 5m, 0 for none)."),
    _pace("--run-timeout", type=DURATION, metavar="D", help="Time for the run (default none; 1h without a terminal)."),
    _pace("--deadline", metavar="TIME", help="When the run ends: 15:30, RFC 3339, or a duration from now."),
)
CONNECT_TIMEOUT = (
    _pace("--connect-timeout", type=POSITIVE_DURATION, metavar="D", help="Time to reach a target (default 10s)."),
)

_care = _flag("Care")
CARE = (
    _care("--dry-run", is_flag=True, help="Show the whole plan, and run nothing."),
    _care("-y", "--yes", is_flag=True, help="Answer yes to every question."),
    _care("--reason", metavar="TEXT", help="Why: stands in the audit trail."),
    _care("--waves", metavar="MARKS", help="Reach targets in steps: 1,10%,50%,100%."),
    _care("--canary", is_flag=True, help="One pod of each workload first."),
    _care("--max-failures", metavar="N|P%", help="Stop when more end badly (100%: never)."),
    _care("--max-lost", metavar="N|P%", help="Stop when more are lost."),
    _care("--max-rejected", metavar="N|P%", help="Stop when more are rejected."),
    _care("--strict", is_flag=True, help="Keep in flight no more than may still end badly."),
    _care("--detach", is_flag=True, help="Print the run's id and let it go on without the terminal."),
    _care("--on-end", metavar="CMD|URL", help="Tell the summary, as JSON, to a command's stdin or by POST."),
    _care("--on-end-each", metavar="CMD|URL", help="The same for each target's end."),
)

_output = _flag("Output")


def output(*formats: str) -> Flag:
    """The -o flag of a verb, with the formats it knows."""
    return _output("-o", "--output", type=click.Choice(formats), default="text", metavar="|".join(formats),
                   help="What is printed.")  # fmt: skip


COLOR = (
    _output("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colours (default auto)."),
)
LOUDNESS = (
    _output("-q", "--quiet", is_flag=True, help="No header, no progress, no notes."),
    _output("-v", "--verbose", count=True, help="More: kubectl lines for the odd targets; tracebacks."),
)
SCREEN = (
    _output("--stream", is_flag=True, help="Lines as they come, each with its target."),
    _output("--group-by", metavar="KEY", help="Split groups by image, node, revision or a label."),
    _output(
        "--normalize", is_flag=False, flag_value="own,time,number", metavar="[=KIND,..]",
        help="Fold answers that differ only in own names, times, numbers or a pattern.",
    ),
    _output("--max-groups", type=COUNT, metavar="N", help="Groups shown (terminal: 20)."),
    _output("--max-lines", type=COUNT, metavar="N", help="Lines of each group shown (terminal: 40)."),
    _output("--max-output", type=SIZE, metavar="SIZE", help="Bytes of a target's stream shown (default 1Mi)."),
    _output("--out-dir", metavar="DIR", help="Also write each target's output, uncut, into an empty DIR."),
)  # fmt: skip


_trail = _flag("Trail")
TRAIL = (
    _trail("--since", metavar="TIME", help="From then on: RFC 3339, 15:30, or a duration ago."),
    _trail("--until", metavar="TIME", help="Until then."),
    _trail("--who", multiple=True, metavar="NAME|GLOB", help="By whom: the cluster's name, or the OS user."),
    _trail("--namespace", "of_namespace", multiple=True, metavar="NS|GLOB", help="Where."),
    _trail("--verb", multiple=True, metavar="VERB", help="What."),
    _trail("--run", metavar="ID", help="One run, by a prefix of its id."),
    _trail("--head", metavar="HASH", help="verify: this hash, kept elsewhere, must stand in the trail."),
)
SECRET = (_care("--secret", multiple=True, metavar="NAME=@FILE", help="A variable from a file; its value is masked."),)
NO_JOURNAL = (_care("--no-journal", is_flag=True, help="Do not keep the run: it cannot be resumed or shown again."),)
STATE_DIR = (_care("--state-dir", metavar="DIR", help="Where runs and the audit trail are kept."),)


def role_flag() -> Flag:
    """What only doctor has."""
    return _flag("Self")("--role", metavar="VERB,..", help="Print the Role and RoleBinding that these verbs lack.")


_sandbox = _flag("Sandbox")
SANDBOX = (
    _sandbox("--pods", type=POSITIVE, metavar="N", help="Pods (default 60)."),
    _sandbox("--node-count", type=POSITIVE, metavar="N", help="Nodes (default 6)."),
    _sandbox("--write-kubeconfig", metavar="FILE", help="Write the kubeconfig there, instead of a file of its own."),
    _sandbox("--scenario", metavar="NAME|FILE", help="What the fleet looks like (default, incident, or a file)."),
    _sandbox("--fault", multiple=True, metavar="SPEC", help="A fault to plant; may be repeated."),
)
