"""The screen of a run is CLI.md's model, and stays readable however many groups there are."""

from __future__ import annotations

import subprocess
import unicodedata

import pytest

from domain.reading.fleets import GOOD
from features.exec.runs import Fleet, lines_of, model_fleet, texts
from podium.domain.commands import Command, CommandKind
from podium.domain.inventory import Unreached, UnreachedReason
from podium.domain.normalize import Normal
from podium.domain.outcomes import (
    Cancelled,
    Failed,
    Lost,
    Outcome,
    Proof,
    Reason,
    Rejected,
    Skipped,
    Stopped,
    Succeeded,
    TimedOut,
    Why,
)
from podium.domain.selection import Missing
from podium.domain.widths import width
from podium.features.exec.bodies import Limits
from podium.features.exec.layout import Tone
from podium.features.exec.report import Stop

MODEL = """\
cat /app/REVISION · 1,163 targets, 37 left out · all pods of deploy/web · prod-eu · as alice · timeout 5m · run 01JX7K
== 1,140 succeeded                                             deploy/web
4.2.1
-- 20 succeeded, differ in 1 line                              web-6f9c-{2kq8x,…} (all: -o wide) · revision 41: 20/20, elsewhere 0/1,143
-4.2.1
+4.2.0
!! 2 rejected: no such executable "cat"                        image web:4.2.1-slim: 2/2, elsewhere 0/1,161
!! 1 lost: stream ended without a status after 3.1 s           web-7d4b9c-a1x2z on n17 · may have run, not tried again
?? 37 left out: 31 CrashLoopBackOff (last exit 1, restarts 4-6; pool=c: 31/31, elsewhere 0/1,169) · 6 ImagePullBackOff web:4.2.2
1,160 succeeded · 2 rejected · 1 lost · 37 left out · 6.2 s · exit 1          next: podium targets -n shop deploy/web --left-out
"""  # noqa: E501


def test_the_model_screen() -> None:
    assert "\n".join(texts(lines_of(model_fleet().screen(), 140))) + "\n" == MODEL


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 100, 140, 200])
def test_a_narrow_terminal_gets_no_line_wider_than_it_is(columns: int) -> None:
    for line in lines_of(model_fleet().screen(verbose=True), columns):
        if not line.text.startswith(("next: ", "kubectl ")):  # to be copied whole
            assert width(line.text) <= columns, line.text


def test_a_narrow_terminal_still_says_who_and_what_sets_them_apart() -> None:
    shown = texts(lines_of(model_fleet().screen(), 60))
    at = shown.index("-- 20 succeeded, differ in 1 line")
    assert shown[at + 1].startswith("   web-6f9c-{2kq8x,")
    assert shown[at + 2] == "   revision 41: 20/20, elsewhere 0/1,143"
    assert shown[-1] == "next: podium targets -n shop deploy/web --left-out"


def test_a_pipe_gets_all_of_it() -> None:
    fleet = Fleet()
    for n in range(30):
        fleet.ran(fleet.pod(f"web-{n}"), b"".join(b"%d %d\n" % (n, line) for line in range(60)))
    whole = texts(lines_of(fleet.screen(groups=None, limits=Limits(None, None))))
    assert not any("…" in line for line in whole)
    assert sum(line.endswith(" 59") for line in whole) == 30


def test_all_alike_is_one_group() -> None:
    fleet = Fleet()
    for n in range(3):
        fleet.ran(fleet.pod(f"web-{n}"))
    assert texts(lines_of(fleet.screen(), 100))[1:] == [
        "== 3 succeeded, no output                                      deploy/web",
        "3 succeeded · 6.2 s · exit 0",
    ]


def head_of(outcome: Outcome, count: int = 1, seconds: float = 2.0, command: Command | None = None) -> tuple[str, Tone]:
    fleet = Fleet()
    for n in range(9):
        fleet.ran(fleet.pod(f"good-{n}"))
    for n in range(count):
        fleet.ran(fleet.pod(f"web-{n}", node="n7"), outcome=outcome, seconds=seconds + n)
    line = lines_of(fleet.screen(fleet.report(command)), 160)[2]
    return line.text, line.tone


@pytest.mark.parametrize(
    ("outcome", "count", "start", "tone"),
    [
        (Failed(1), 1, "!! 1 failed, exit 1 ", Tone.BAD),
        (Failed(137), 1, "!! 1 failed, exit 137 (SIGKILL) ", Tone.BAD),
        (Failed(9, reason=Reason(Why.CONTAINER_REPLACED)), 1, "!! 1 failed, exit 9: container replaced ", Tone.BAD),
        (TimedOut(Reason(Why.TIMEOUT)), 2, "!! 2 timed out after 5m ", Tone.BAD),
        (TimedOut(Reason(Why.STDOUT_HELD)), 1, "!! 1 timed out: a background child holds stdout ", Tone.BAD),
        (Rejected(Reason(Why.NO_SHELL)), 1, "!! 1 rejected: no shell ", Tone.BAD),
        (Rejected(Reason(Why.FORBIDDEN, "no web-0 for you")), 1, "!! 1 rejected: forbidden: no … for you ", Tone.BAD),
        (Lost(Reason(Why.NO_STATUS)), 2, "!! 2 lost: stream ended without a status after 2.0 s to 3.0 s ", Tone.BAD),
        (Lost(Reason(Why.BROKEN, "eof")), 2, "!! 2 lost: connection broken: eof ", Tone.BAD),
        (Skipped(Reason(Why.NAMESPACE_FORBIDDEN)), 1, ".. 1 skipped: namespace forbidden ", Tone.NEVER),
        (Cancelled(), 1, ".. 1 cancelled ", Tone.NEVER),
    ],
)  # fmt: skip
def test_each_outcome_has_its_words(outcome: Outcome, count: int, start: str, tone: Tone) -> None:
    text, shown = head_of(outcome, count)
    assert text.startswith(start)
    assert shown is tone


@pytest.mark.parametrize(
    ("outcome", "care"),
    [
        (TimedOut(Reason(Why.TIMEOUT)), "may still run"),
        (TimedOut(Reason(Why.TIMEOUT), Stopped.CONFIRMED), "ended in the pod"),
        (Lost(Reason(Why.NO_STATUS)), "may have run, not tried again"),
        (Skipped(Reason(Why.BUDGET)), "never started"),
    ],
)
def test_what_may_still_run_is_said(outcome: Outcome, care: str) -> None:
    assert head_of(outcome)[0].endswith(f"web-0 on n7 · {care}")


def test_a_failure_shows_what_it_wrote_and_not_what_the_majority_did() -> None:
    fleet = Fleet()
    for n in range(5):
        fleet.ran(fleet.pod(f"web-{n}"), b"a\nb\nc\n")
    fleet.ran(fleet.pod("web-5"), b"", b"cat: no such file\n", Failed(1))
    fleet.ran(fleet.pod("web-6"), b"a\nb\nc\n", b"late\n", Failed(2))
    fleet.ran(fleet.pod("web-7"), b"a\nX\nc\n", b"", Failed(3))
    fleet.ran(fleet.pod("web-8"), b"a\nb\nc\n", b"", Failed(4))
    shown = texts(lines_of(fleet.screen(), 120))
    heads = {line[:22].strip(): at for at, line in enumerate(shown) if line.startswith("!!")}
    assert shown[heads["!! 1 failed, exit 1"] + 1] == "2> cat: no such file"
    assert shown[heads["!! 1 failed, exit 2"] + 1] == "2> late"
    assert shown[heads["!! 1 failed, exit 3, o"] + 1 :][:2] == ["-b", "+X"]
    assert "same output as the majority" in shown[heads["!! 1 failed, exit 4, s"]]


def test_streams_are_told_apart_in_a_diff() -> None:
    fleet = Fleet()
    for n in range(3):
        fleet.ran(fleet.pod(f"web-{n}"), b"x\n", b"warn\n")
    fleet.ran(fleet.pod("web-3"), b"x\n", b"other\n")
    shown = texts(lines_of(fleet.screen(), 120))
    assert shown[2:4] == ["x", "2> warn"]
    assert shown[5:7] == ["-2> warn", "+2> other"]


def test_long_answers_are_cut_and_it_is_said_how_to_see_them() -> None:
    fleet = Fleet()
    common = b"".join(b"line %d\n" % line for line in range(100))
    for n in range(3):
        fleet.ran(fleet.pod(f"web-{n}"), common)
    fleet.ran(fleet.pod("web-3"), common.replace(b"line", b"other", 50))
    shown = texts(lines_of(fleet.screen(), 120))
    assert shown[41] == "line 39"
    assert shown[42] == "… 60 more lines (all: --max-lines 100)"
    assert "1 succeeded, differ in 50 lines" in shown[43]
    assert shown[44:64] == [*(f"-line {n}" for n in range(10)), *(f"+other {n}" for n in range(10))]
    assert shown[64] == "… 80 more changed lines (all: --max-lines 100)"


def test_an_answer_that_shares_nothing_is_shown_for_itself() -> None:
    fleet = Fleet()
    for n in range(3):
        fleet.ran(fleet.pod(f"web-{n}"), b"a\nb\nc\nd\n")
    fleet.ran(fleet.pod("web-3"), b"1\n2\n")
    assert texts(lines_of(fleet.screen(), 120))[7:9] == ["1", "2"]


def test_an_answer_that_was_cut_says_so() -> None:
    fleet = Fleet()
    plain = fleet.shelf.put
    fleet.shelf.put = lambda data, size=None: plain(data, len(data) and 5000)  # type: ignore[method-assign]
    for n in range(3):
        fleet.ran(fleet.pod(f"web-{n}"), b"same")
    assert texts(lines_of(fleet.screen(), 120))[1].startswith("== 3 succeeded, first 4 B of 4.9 KiB ")


def test_what_differs_only_where_nothing_is_kept_is_said() -> None:
    fleet = Fleet()
    for n in range(3):
        fleet.ran(fleet.pod(f"web-{n}"), b"same")
    shelf = fleet.shelf
    plain = shelf.put
    for n in range(3, 5):
        shelf.put = lambda data, size=None, n=n: plain(data, len(data) + 1000 + n)  # type: ignore[method-assign, misc]
        fleet.ran(fleet.pod(f"web-{n}"), b"same")
    shown = texts(lines_of(fleet.screen(), 120))
    assert sum("differ beyond the first 4 B" in line for line in shown) == 2


@pytest.mark.on(why="pure text: no cluster takes part")
def test_pitfall_13_no_escape_of_a_pod_reaches_the_screen() -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\u202e\r\b\x9b31m"
    fleet = Fleet()
    for n in range(3):
        fleet.ran(fleet.pod(f"web-{n}"), evil.encode())
    fleet.ran(fleet.pod("web-3"), evil.encode() + b"\xff", evil.encode())
    fleet.ran(fleet.pod("web-4"), outcome=Rejected(Reason(Why.REFUSED, evil)))
    fleet.away(fleet.pod("web-5"), f"Evil{evil}")
    fleet.unreached.append(Unreached("c2", "", UnreachedReason.UNREACHABLE, evil))
    report = fleet.report(Command(("echo", evil)), stop=Stop(evil, 5))
    for columns in (60, 140, None):
        for line in lines_of(fleet.screen(report, verbose=True, selection=evil, who=evil), columns):
            assert not [char for char in line.text if unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"}], line


def test_five_thousand_groups_stay_readable() -> None:
    fleet = Fleet()
    for n in range(4900):
        fleet.ran(fleet.pod(f"web-{n}", node=f"n{n % 50}"), b"%d\n" % (n * 7919 % 1_000_003))
    for n in range(100):
        fleet.ran(fleet.pod(f"bad-{n}"), b"", b"%d\n" % n, Failed(1))
    lines = lines_of(fleet.screen(), 120)
    heads = [line for line in lines if line.tone in {Tone.MAJORITY, Tone.ODD, Tone.BAD}]
    assert len(heads) == 20
    assert sum(line.tone is Tone.BAD for line in heads) >= 10, "failures are not pushed out by odd successes"
    assert len(lines) < 100
    assert "… 4,980 more groups: 4,890 succeeded · 90 failed (all: --max-groups 5000)" in texts(lines)
    assert "5,000 groups; --normalize would leave 2" in texts(lines)


def test_few_bad_groups_leave_their_room_to_the_others() -> None:
    fleet = Fleet()
    for n in range(41):
        fleet.ran(fleet.pod(f"web-{n}"), b"%d\n" % min(n, 39))
    fleet.ran(fleet.pod("bad"), b"", b"", Failed(1))
    tones = [line.tone for line in lines_of(fleet.screen(), 120)]
    assert (tones.count(Tone.MAJORITY), tones.count(Tone.ODD), tones.count(Tone.BAD)) == (1, 18, 1)


def test_normalised_answers_fold_and_show_what_was_replaced() -> None:
    fleet = Fleet()
    for n in range(30):
        fleet.ran(fleet.pod(f"web-{n}"), b"I am web-%d, load 0.%d\n" % (n, n))
    shown = texts(lines_of(fleet.screen(normal=Normal()), 120))
    assert shown[1:3] == [
        "== 30 succeeded                                                deploy/web",
        "I am <name>, load <number>",
    ]


def test_groups_split_by_a_key() -> None:
    fleet = Fleet()
    for n in range(5):
        fleet.ran(fleet.pod(f"web-{n}", revision="41" if n < 2 else "42"), b"x\n")
    shown = texts(lines_of(fleet.screen(group_by="revision"), 120))
    assert [line[:44].rstrip() for line in shown if line.startswith("==")] == [
        "== 3 succeeded",
        "== 2 succeeded, same output as the majority",
    ]
    assert [line for line in shown if line.startswith("##")] == [
        "## revision 42 · 3 targets",
        "## revision 41 · 2 targets",
    ]


def test_names_hold_the_parts_that_differ() -> None:
    fleet = Fleet()
    for n in range(4):
        fleet.ran(fleet.pod(f"web-{n % 2}", cluster=f"arn:eks/c{n // 2}", workload=None), b"x\n")
    assert texts(lines_of(fleet.screen(), 120))[1].endswith("  arn:eks%2Fc[0-1]/shop/web-[0-1]")


def test_a_copy_ready_kubectl_line_for_each_odd_target() -> None:
    fleet = Fleet()
    for n in range(3):
        fleet.ran(fleet.pod(f"web-{n}"), b"x\n")
    fleet.ran(fleet.pod("web-3"), b"y\n")
    shown = texts(lines_of(fleet.screen(fleet.report(Command(("cat", "/a b"))), verbose=True), 120))
    assert "kubectl --context prod-eu -n shop exec web-3 -c app -- cat '/a b'" in shown
    assert sum(line.startswith("kubectl ") for line in shown) == 1
    line = Command(("echo $X",), CommandKind.LINE, env=(("X", "s3cret"),))
    shown = texts(lines_of(fleet.screen(fleet.report(line), verbose=True), 120))
    assert "kubectl --context prod-eu -n shop exec web-3 -c app -- sh -c 'echo $X'" in shown
    assert not any("s3cret" in text for text in shown)


def last_of(fleet: Fleet, stop: Stop | None = None, **changes: object) -> list[str]:
    shown = lines_of(fleet.screen(fleet.report(stop=stop), **changes), 160)
    return [line.text for line in shown if line.tone in {Tone.SUMMARY, Tone.ABSENT}]


def test_translated_successes_are_counted() -> None:
    fleet = Fleet()
    fleet.ran(fleet.pod("web-0"), outcome=Succeeded(Proof.TRANSLATED))
    fleet.ran(fleet.pod("web-1"), outcome=GOOD)
    assert last_of(fleet) == ["2 succeeded (1 by a translated status) · 6.2 s · exit 0"]


def test_an_interrupted_run_says_what_ran_what_may_run_and_what_never_started() -> None:
    fleet = Fleet()
    for n in range(4):
        fleet.ran(fleet.pod(f"web-{n}"))
    fleet.ran(fleet.pod("web-4"), outcome=Failed(1))
    fleet.ran(fleet.pod("web-5"), outcome=Lost(Reason(Why.INTERRUPTED)))
    fleet.ran(fleet.pod("web-6"), outcome=TimedOut(Reason(Why.RUN_TIMEOUT)))
    for n in range(7, 10):
        fleet.ran(fleet.pod(f"web-{n}"), outcome=Skipped(Reason(Why.INTERRUPTED)))
    fleet.ran(fleet.pod("web-10"), outcome=Rejected(Reason(Why.NOT_FOUND)))
    lines = last_of(fleet, Stop("stopped by Ctrl-C", 130), again="deploy/web")
    assert lines == [
        "stopped by Ctrl-C: 5 ran · 2 may still run · 4 never started",
        (
            "4 succeeded · 1 failed · 1 timed out · 1 rejected · 1 lost · 3 skipped · 6.2 s · exit 130"
            "          next: podium targets deploy/web -o wide"
        ),
    ]


def test_what_was_not_reached_is_said_and_folded() -> None:
    fleet = Fleet()
    fleet.ran(fleet.pod("web-0"))
    fleet.unreached.append(Unreached("prod-us", "", UnreachedReason.UNREACHABLE, "dial tcp: timeout"))
    fleet.unreached += [Unreached("prod-eu", f"pay-{n}", UnreachedReason.FORBIDDEN, "no list") for n in range(3)]
    assert last_of(fleet) == [
        "?? not reached: cluster prod-us: unreachable: dial tcp: timeout",
        "?? not reached: 3 namespaces of prod-eu (pay-[0-2]): forbidden: no list",
        (
            "1 succeeded · 1 cluster not reached · 3 namespaces not reached · 6.2 s · exit 1"
            "          next: podium doctor --context prod-eu --role exec -n pay-0"
        ),
    ]


def test_missing_rights_come_first_in_what_to_do_next() -> None:
    fleet = Fleet()
    fleet.ran(fleet.pod("web-0", namespace="pay"), outcome=Rejected(Reason(Why.FORBIDDEN)))
    fleet.away(fleet.pod("web-1"), "Pending")
    assert last_of(fleet)[-1].endswith("next: podium doctor --role exec -n pay")


def test_left_out_by_choice_does_not_count() -> None:
    fleet = Fleet()
    fleet.ran(fleet.pod("web-0"))
    fleet.away(fleet.pod("web-1"), "Completed", counts=False)
    shown = texts(lines_of(fleet.screen(), 120))
    assert "1 target, 1 by choice or done" in shown[0]
    assert shown[-2:] == ["   1 left out by choice or done: 1 Completed", "1 succeeded · 6.2 s · exit 0"]


def test_what_was_named_and_is_not_there_is_said() -> None:
    fleet = Fleet()
    fleet.ran(fleet.pod("web-0"))
    report = fleet.report()
    object.__setattr__(report.resolution, "missing", (Missing("pod web-9", ("web-8",)),))
    shown = texts(lines_of(fleet.screen(report), 120))
    assert "?? not found: pod web-9 (near: web-8)" in shown
    assert "1 not found" in shown[-1]


def test_a_changed_long_line_shows_where_it_changed() -> None:
    fleet = Fleet()
    for n in range(3):
        fleet.ran(fleet.pod(f"web-{n}"), b"x" * 500 + b"one\n")
    fleet.ran(fleet.pod("web-3"), b"x" * 500 + b"two\n")
    shown = texts(lines_of(fleet.screen(), 80))
    assert any(line.startswith("-…x") and line.endswith("one") for line in shown)
    assert any(line.startswith("+…x") and line.endswith("two") for line in shown)


def test_wide_names_every_pod() -> None:
    fleet = Fleet()
    for n in range(0, 200, 2):
        fleet.ran(fleet.pod(f"web-{n}"), b"x\n")
    assert "web-[0,2,4," in texts(lines_of(fleet.screen(wide=True), 80))[1]


def test_where_every_answer_is_its_own_each_is_shown_for_itself() -> None:
    fleet = Fleet()
    for n in range(3):
        fleet.ran(fleet.pod(f"web-{n}"), b"web-%d\n" % n)
    fleet.ran(fleet.pod("web-3"), b"web-3\n", outcome=Failed(1))
    shown = texts(lines_of(fleet.screen(), 120))
    assert [line[:14] for line in shown[1:7:2]] == ["== 1 succeeded"] * 3
    assert shown[2:8:2] == ["web-0", "web-1", "web-2"]
    assert shown[8] == "web-3"


def test_of_two_answers_one_is_a_diff() -> None:
    fleet = Fleet()
    for n in range(2):
        fleet.ran(fleet.pod(f"web-{n}"), b"%d\n" % n)
    assert texts(lines_of(fleet.screen(), 120))[4:6] == ["-0", "+1"]


def test_what_an_image_lacks_is_said_of_the_image() -> None:
    fleet = Fleet()
    for n in range(20):
        fleet.ran(fleet.pod(f"web-{n}"))
    for n in range(2):
        pod = fleet.pod(f"slim-{n}", image="web:slim", revision="43")
        fleet.ran(pod, outcome=Rejected(Reason(Why.NO_EXECUTABLE, '"cat"')))
    assert texts(lines_of(fleet.screen(), 120))[2].endswith("image web:slim: 2/2, elsewhere 0/20")


def test_that_they_restart_does_not_explain_a_crash_loop() -> None:
    fleet = Fleet()
    for n in range(20):
        fleet.ran(fleet.pod(f"web-{n}"))
    for n in range(3):
        fleet.away(fleet.pod(f"bad-{n}", restarts=5), "CrashLoopBackOff", exit_code=n, restarts=5)
    assert "?? 3 left out: 3 CrashLoopBackOff (last exit 0, 1 or 2, restarts 5)" in texts(lines_of(fleet.screen(), 120))


def test_groups_of_one_size_come_in_natural_order() -> None:
    fleet = Fleet()
    for n in (10, 2, 1):
        fleet.ran(fleet.pod(f"web-{n}", node=""), b"web-%d\n" % n)
    heads = [line.split()[-1] for line in texts(lines_of(fleet.screen(), 120)) if line.startswith("==")]
    assert heads == ["web-1", "web-2", "web-10"]


def test_a_kubectl_line_is_one_line_that_a_shell_reads_back() -> None:
    words = ("printf", "%s|", "a\nb\tc", "it's \\ \x1b[1m é\u202e")
    fleet = Fleet()
    for n in range(3):
        fleet.ran(fleet.pod(f"web-{n}"), b"x\n" if n else b"y\n")
    shown = texts(lines_of(fleet.screen(fleet.report(Command(words)), verbose=True), 120))
    (line,) = [text for text in shown if text.startswith("kubectl ")]
    assert "\n" not in line
    command = line.partition(" -- ")[2]
    said = subprocess.run(["bash", "-c", command], check=True, capture_output=True, timeout=20).stdout
    assert said.decode() == "".join(f"{word}|" for word in words[2:])


def test_very_many_kubectl_lines_are_cut() -> None:
    fleet = Fleet()
    for n in range(100):
        fleet.ran(fleet.pod(f"web-{n}"), b"x\n" if n < 55 else b"y\n")
    shown = texts(lines_of(fleet.screen(verbose=True), 120))
    assert sum(text.startswith("kubectl ") for text in shown) == 40
    assert "… 5 more (all: --max-lines 45)" in shown
