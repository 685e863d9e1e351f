"""What a person sees: stdout has the answers, stderr the rest; a pipe is never cut, coloured or redrawn."""

from __future__ import annotations

import shlex
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from apps.stages import Act, Stage, Terminal, crashing, pod
from podium.apps.cli.request import Format
from podium.domain.inventory import Container, ContainerState, Pod, Unreached, UnreachedReason
from podium.domain.outcomes import Failed, Lost, Proof, Reason, Rejected, Succeeded, Why
from podium.domain.targets import Target


def differing(target: Target) -> Act:
    match target.pod:
        case "web-8":
            return Act(stdout=b"4.2.0\n")
        case "web-9":
            return Act(Rejected(Reason(Why.NO_EXECUTABLE, '"cat"')), stdout=b"")
        case _:
            return Act(stdout=b"4.2.1\n")


def ten() -> Stage:
    return Stage([*(pod(f"web-{n}") for n in range(10)), crashing("web-x")], differing)


def test_the_screen_on_a_pipe(podium: Terminal) -> None:
    ran = podium(ten(), "exec", "deploy/web", "--", "cat", "/app/REVISION")
    assert ran.text.splitlines() == [
        "== 8 succeeded                                                 deploy/web",
        "4.2.1",
        "-- 1 succeeded, differ in 1 line                               web-8 on n1",
        "-4.2.1",
        "+4.2.0",
        '!! 1 rejected: no such executable "cat"                        web-9 on n1',
    ]
    header, *_, summary = ran.err.splitlines()
    assert header.startswith(
        "cat /app/REVISION · 10 targets, 1 left out · all pods of deploy/web · prod/eu · as tester"
    )
    assert "timeout 5m" in header
    assert "?? 1 left out: 1 CrashLoopBackOff (last exit 1)" in ran.err
    assert summary.startswith("9 succeeded · 1 rejected · 1 left out · ")
    assert "exit 1" in summary
    assert "next: podium targets deploy/web --left-out" in summary
    assert ran.status == 1


def test_color_always_and_never(podium: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert b"\x1b[" in podium(ten(), "exec", "--all", "--color", "always", "--", "x").out
    monkeypatch.setenv("NO_COLOR", "1")
    ran = podium(ten(), "exec", "--all", "--", "x")
    assert b"\x1b" not in ran.out
    assert "\x1b" not in ran.err


def test_protected_namespaces_are_left_out_and_said(podium: Terminal) -> None:
    stage = Stage([pod("web-1"), pod("dns-1", namespace="kube-system")])
    ran = podium(stage, "exec", "-A", "--all", "-o", "name", "-y", "--", "x")
    assert (ran.status, ran.text) == (0, "prod%2Feu/shop/web-1/app\n")
    assert "1 pod of protected namespaces (kube-system); -n NAME takes them" in ran.err
    ran = podium(stage, "exec", "-n", "kube-system", "--all", "-o", "name", "--", "x")
    assert ran.text == "prod%2Feu/kube-system/dns-1/app\n"
    assert len(podium(stage, "targets", "-A", "-o", "name").text.splitlines()) == 2, "reading leaves none out"


def test_a_choice_of_containers_is_said(podium: Terminal) -> None:
    def two(name: str, **more: str) -> Pod:
        running = ContainerState.RUNNING
        return pod(name, *(Container(each, f"{each}:1", state=running) for each in ("app", "side")), **more)

    stage = Stage([pod("web-1"), two("web-2"), two("web-3", default_container="side")])
    ran = podium(stage, "exec", "--all", "-o", "name", "--", "x")
    assert ran.text.splitlines() == [f"prod%2Feu/shop/web-{n}" for n in ("1/app", "2/app", "3/side")]
    assert "container: 1 by annotation, 1 first of several" in ran.err


def test_quiet_leaves_the_answers(podium: Terminal) -> None:
    ran = podium(ten(), "exec", "--all", "-q", "--", "x")
    assert ran.err == ""
    assert ran.text.startswith("== 8 succeeded")


def test_one_target_is_answered_as_kubectl_answers(podium: Terminal) -> None:
    raw = b"\x00\xff\x1b[31mred\r\nno end"
    stage = Stage([pod("web-1")], lambda _: Act(stdout=raw, stderr=b"warned\n"))
    ran = podium(stage, "exec", "web-1", "-q", "--", "x")
    assert ran.out == raw
    assert ran.err == "warned\n"
    failed = podium(Stage([pod("web-1")], lambda _: Act(Failed(3), b"")), "exec", "web-1", "--", "x")
    assert failed.out == b""
    assert "!! 1 failed, exit 3" in failed.err
    big = bytes(range(256)) * 80_000
    whole = podium(Stage([pod("web-1")], lambda _: Act(stdout=big)), "exec", "web-1", "-q", "--", "cat", "big")
    assert whole.out == big, "more than is kept of a group"
    cut = podium(Stage([pod("web-1")], lambda _: Act(stdout=big)), "exec", "web-1", "--max-output", "1Ki", "--", "x")
    assert cut.out.startswith(b"== 1 succeeded")


def test_v_prints_a_kubectl_line_for_each_odd_target(podium: Terminal) -> None:
    ran = podium(ten(), "exec", "--all", "-v", "--", "cat", "a b")
    lines = [line for line in ran.text.splitlines() if line.startswith("kubectl ")]
    assert lines == [f"kubectl --context prod/eu -n shop exec web-{n} -c app -- cat 'a b'" for n in (8, 9)]
    assert "slowest: " in ran.err


def test_v_prints_a_kubectl_line_where_all_failed_with_the_flags_that_reach_it(podium: Terminal) -> None:
    stage = Stage([pod("web-1"), pod("web-2")], lambda _: Act(Failed(1)))
    flags = ("--as", "au bob", "--as-group", "ops", "--token-file", "t", "--proxy-url", "http://p")
    lines = podium(stage, "exec", "--all", "-v", *flags, "--", "false").text.splitlines()
    shown = "kubectl --as 'au bob' --as-group ops --context prod/eu -n shop exec"
    assert [line for line in lines if line.startswith("kubectl ")] == [
        f"{shown} web-{n} -c app -- false" for n in (1, 2)
    ]


REACHED = ("--context", "prod*", "--as", "au bob", "--as-user-extra", "team=a b", "--token-file", "t")


def test_what_to_do_next_reaches_the_same_cluster_as_the_same_user(podium: Terminal) -> None:
    refused = Stage([pod("web-1"), pod("web-2")], lambda _: Act(Rejected(Reason(Why.FORBIDDEN)), stdout=b""))
    following = podium(refused, "exec", "--all", *REACHED, "--", "x").err.partition("next: podium ")[2].split()
    assert following[0] == "doctor"
    said = shlex.split(" ".join(following))
    assert said[:3] == ["doctor", "--context", "prod*"]
    assert {*zip(said[3::2], said[4::2], strict=True)} == {
        ("--as", "au bob"),
        ("--as-user-extra", "team=a b"),
        ("--token-file", "t"),
        ("--role", "exec"),
        ("-n", "shop"),
    }
    forbidden = (Unreached("prod/eu", "pay", UnreachedReason.FORBIDDEN, "pods is forbidden"),)
    nobody = podium(Stage([], unreached=forbidden), "exec", "-n", "pay", "--all", *REACHED[:4], "--", "x")
    assert "`podium doctor --context 'prod*' --as 'au bob' --role exec -n pay`" in nobody.err
    left = podium(ten(), "exec", "deploy/web", "--older-than", "2h", *REACHED[:4], "--", "x")
    assert left.err.rstrip().endswith("targets deploy/web --context 'prod*' --as 'au bob' --older-than 2h --left-out")


def test_a_selection_of_nobody_that_runs_says_how_to_see_them(podium: Terminal) -> None:
    for verb in (("exec", "--", "x"), ("targets",)):
        ran = podium(Stage([crashing("web-x")]), verb[0], "deploy/web", "--as", "au bob", *verb[1:])
        assert ran.status == 3
        assert "(see: podium targets deploy/web --as 'au bob' --left-out)" in ran.err


def test_doctors_hint_is_for_the_same_user(podium: Terminal) -> None:
    stage = ten()
    stage.reviews.answers = {("get", "pods/exec", "shop"): False}
    ran = podium(stage, "doctor", *REACHED[:4])
    assert "podium doctor --context 'prod*' --as 'au bob' --role exec,logs -n shop" in ran.text


def test_name_prints_where_it_succeeded_as_targets_from_reads_it(podium: Terminal, tmp_path: Path) -> None:
    ran = podium(ten(), "exec", "--all", "-o", "name", "--", "x")
    assert ran.text.splitlines() == [f"prod%2Feu/shop/web-{n}/app" for n in range(9)]
    file = tmp_path / "names"
    file.write_bytes(ran.out)
    again = podium(ten(), "exec", "--targets-from", str(file), "-o", "json", "--", "x")
    assert [target["pod"] for target in again.json["targets"]] == [f"web-{n}" for n in range(9)]
    assert (again.status, again.json["complete"]) == (0, True)


def test_normalize_folds_own_names_and_patterns(podium: Terminal) -> None:
    stage = Stage([pod(f"web-{n}") for n in range(3)], lambda t: Act(stdout=f"{t.pod} is x{t.pod[-1]}x\n".encode()))
    assert podium(stage, "exec", "--all", "--", "x").text.count("succeeded") == 3
    ran = podium(stage, "exec", "--all", "--normalize=own,x[0-9]x", "--", "x")
    assert ran.text.splitlines()[1:] == ["<name> is <match>"]


def test_group_by_splits(podium: Terminal) -> None:
    stage = Stage([pod("web-1", node="n1"), pod("web-2", node="n2"), pod("web-3", node="n2")])
    text = podium(stage, "exec", "--all", "--group-by", "node", "--", "x").text
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## node n2 · 2 targets",
        "## node n1 · 1 target",
    ]


@pytest.mark.on(why="decided where lines are written; tests/apps/test_program.py streams from the sandbox")
def test_pitfall_14_streamed_targets_never_share_a_line(podium: Terminal) -> None:
    """The prefix has only what differs; pieces of lines wait for their end."""

    def act(target: Target) -> Act:
        return Act(stdout=[b"be", b"gin\nmid", b"dle\nno end"], stderr=b"warned\n")

    stage = Stage([pod("web-1"), pod("web-2"), pod("web-1", namespace="pay")], act)
    ran = podium(stage, "exec", "-A", "--all", "--stream", "--", "x")
    names = ("pay/web-1", "shop/web-1", "shop/web-2")
    expected = sorted(f"{name} | {text}" for name in names for text in ("begin", "middle", "no end"))
    assert sorted(ran.text.splitlines()) == expected
    assert ran.out.endswith(b"\n")
    for name in names:
        assert f"{name} | warned" in ran.err.splitlines()


def test_stream_of_one_namespace_names_pods_only_and_of_two_containers_both(podium: Terminal) -> None:
    from podium.apps.cli.stream import prefixes

    def named(*ids: str) -> list[str]:
        targets = [Target(*text.split("/")) for text in ids]
        return [prefixes(targets)(target) for target in targets]

    assert named("c/ns/a/x", "c/ns/b/y") == ["a", "b"]
    assert named("c/ns/a/x", "c/ns/a/y", "c/ns/b/x") == ["a/x", "a/y", "b/x"]
    assert named("c/ns/a/x", "d/ns/a/x") == ["c", "d"]
    assert named("c/ns/a/x") == [""]


def test_a_stream_says_how_the_bad_ones_ended(podium: Terminal) -> None:
    ran = podium(ten(), "exec", "--all", "--stream", "--", "x")
    assert '!! 1 rejected: no such executable "cat"' in ran.err
    assert "!!" not in ran.text
    assert "-- 1 succeeded" not in ran.err, "it differs from what is not shown"


def test_a_line_without_an_end_is_shown_in_pieces(podium: Terminal) -> None:
    flood = b"x" * 200_000
    stage = Stage([pod("web-1"), pod("web-2")], lambda _: Act(stdout=flood))
    lines = podium(stage, "exec", "--all", "--stream", "--", "x").text.splitlines()
    assert len(lines) == 8
    assert sum(line.count("x") for line in lines) == 400_000


def test_junit_is_valid_and_honest(podium: Terminal) -> None:
    def act(target: Target) -> Act:
        match target.pod:
            case "web-1":
                return Act(Succeeded(Proof.RUNTIME), stdout=b"<&>\x1b[31m\x00\xff]]>\n")
            case "web-2":
                return Act(Failed(3), stderr=b"bad\n")
            case _:
                return Act(Lost(Reason(Why.NO_STATUS)))

    pods = [pod("web-1"), pod("web-2"), pod("web-3"), crashing("web-4"), pod("web-5")]
    unreached = (Unreached("prod/eu", "pay", UnreachedReason.FORBIDDEN, "<no>"),)
    argv = ("exec", "--all", "-x", "web-5", "-o", "junit", "--", "cat", "<x>")
    suite = ET.fromstring(podium(Stage(pods, act, unreached), *argv).out)
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "6",
        "failures": "1",
        "errors": "3",
        "skipped": "1",
    }
    cases = {case.get("name"): case for case in suite}
    assert [child.tag for child in cases["web-1/app"]] == ["system-out"]
    failure = cases["web-2/app"].find("failure")
    assert failure is not None
    assert failure.get("message") == "failed with exit code 3"
    lost = cases["web-3/app"].find("error")
    assert lost is not None
    assert lost.get("type") == "lost"
    relaxed = ET.fromstring(podium(Stage(pods, act, unreached), "exec", "--allow-skipped", *argv[1:]).out)
    assert (relaxed.get("errors"), relaxed.get("skipped")) == ("2", "2")


@pytest.mark.parametrize("form", [form.value for form in Format])
def test_the_summary_goes_to_stderr_whatever_the_format(podium: Terminal, form: str) -> None:
    ran = podium(ten(), "exec", "--all", "-o", form, "--", "x")
    assert "9 succeeded · 1 rejected" in ran.err
    assert b"9 succeeded \xc2\xb7" not in ran.out


def test_targets_shows_a_table_and_the_left_out(podium: Terminal) -> None:
    ran = podium(ten(), "targets")
    assert ran.text.splitlines()[0].split() == [
        "CLUSTER",
        "NAMESPACE",
        "POD",
        "CONTAINER",
        "NODE",
        "READY",
        "RESTARTS",
        "AGE",
    ]
    assert ran.text.splitlines()[1].split()[:6] == ["prod/eu", "shop", "web-0", "app", "n1", "yes"]
    assert "10 targets · 1 left out, 1 of them should run" in ran.err
    left = podium(ten(), "targets", "--left-out").text.splitlines()
    assert left[1].split()[2:5] == ["web-x", "app", "CrashLoopBackOff"]
    assert len(left) == 2
    names = podium(ten(), "targets", "-o", "name").text.splitlines()
    assert names == [f"prod%2Feu/shop/web-{n}/app" for n in range(10)]


def test_the_seed_of_a_sample_is_said_and_chooses_the_same(podium: Terminal) -> None:
    first = podium(ten(), "targets", "--sample", "3", "-o", "name")
    ran = podium(ten(), "targets", "--sample", "3")
    seed = ran.err.split("--seed ")[1].split()[0]
    again = [podium(ten(), "targets", "--sample", "3", "--seed", seed, "-o", "name").text for _ in range(2)]
    assert again[0] == again[1]
    assert len(first.text.splitlines()) == 3
    assert "sample: --seed 7 chooses the same" in podium(ten(), "exec", "--all", "--sample", "2", "--seed", "7",
                                                          "--", "x").err  # fmt: skip


def test_doctor_says_who_and_what(podium: Terminal) -> None:
    ran = podium(ten(), "doctor")
    assert ran.status == 0
    assert "tester" in ran.text
    assert "prod/eu, namespace shop: list pods yes" in ran.text
    whole = podium(ten(), "doctor", "-o", "json").json
    assert whole["clusters"][0]["exec_protocol"] == "v4"
