"""What the wire brought, and the outcome that is honest about it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.adapters.kube.verdicts import UNTOLD, V4, V5, Evidence, decide, mask, refused
from podium.domain.outcomes import Failed, Lost, Outcome, Proof, Rejected, Succeeded, Why, name_of, reason_of

SUCCESS = b'{"metadata":{},"status":"Success"}'
RUNC = (
    "Internal error occurred: error executing command in container: failed to exec in container: failed to start exec "
    '"610620600767d81eec73ac84f4454d1344b40e549a2b04757e0e96b2429407a9": OCI runtime exec failed: exec failed: '
    "unable to start container process: "
)


def exit_status(code: object) -> bytes:
    return json.dumps(
        {
            "metadata": {},
            "status": "Failure",
            "message": "command terminated with non-zero exit code: error executing command [sh -c secret]",
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
        }
    ).encode()


def failure(message: str, reason: str = "InternalError") -> bytes:
    return json.dumps({"status": "Failure", "reason": reason, "message": message, "code": 500}).encode()


def why(outcome: Outcome) -> Why | None:
    reason = reason_of(outcome)
    return None if reason is None else reason.why


def test_a_runtimes_success_is_proof() -> None:
    assert decide(Evidence(V4, SUCCESS)) == Succeeded(Proof.RUNTIME)


def test_a_translated_success_is_only_called_so() -> None:
    assert decide(Evidence(V5, SUCCESS)) == Succeeded(Proof.TRANSLATED)


def test_a_translated_success_without_the_expected_mark_is_lost() -> None:
    assert why(decide(Evidence(V5, SUCCESS, expects_mark=True))) is Why.NO_STATUS
    assert name_of(decide(Evidence(V5, SUCCESS, expects_mark=True))) == "lost"


def test_the_mark_is_proof_even_where_no_status_came() -> None:
    assert decide(Evidence(V5, None, mark="0", expects_mark=True)) == Succeeded(Proof.MARK)
    assert decide(Evidence(V5, SUCCESS, mark="3", expects_mark=True)) == Failed(3, Proof.MARK)
    assert decide(Evidence(V4, SUCCESS, mark="0", expects_mark=True)) == Succeeded(Proof.RUNTIME)


@pytest.mark.on(why="pure: the wire's words alone; tests/conformance/test_exec_ends.py and its like meet the clusters")
def test_pitfall_1_an_empty_error_channel_is_lost() -> None:
    outcome = decide(Evidence(V4, None))
    assert isinstance(outcome, Lost)
    assert why(outcome) is Why.NO_STATUS
    assert why(decide(Evidence(V4, None, broken="reset by peer"))) is Why.BROKEN
    assert why(decide(Evidence(V4, None, broken="reset by peer", stalled=True))) is Why.STALLED


@pytest.mark.on(why="pure: the wire's words alone; tests/conformance/test_exec_ends.py and its like meet the clusters")
@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"null",
        b"[]",
        b'"Success"',
        b"\xff\xfe",
        b"{}",
        b'{"status":5}',
        b'{"status":"Failure","details":{"causes":"x"}}',
        failure("something went wrong"),
        exit_status("many"),
        exit_status(0),
        b'{"status":"Failure","details":null}',
    ],
)
def test_pitfall_2_any_other_status_is_lost_and_never_crashes(raw: bytes) -> None:
    for protocol in (V4, V5):
        assert isinstance(decide(Evidence(protocol, raw)), Lost)


@pytest.mark.on(why="pure: the wire's words alone; tests/conformance/test_exec_ends.py and its like meet the clusters")
@given(st.binary(max_size=200))
def test_pitfall_2_no_bytes_are_taken_for_a_success(raw: bytes) -> None:
    assert not isinstance(decide(Evidence(V4, raw, expects_mark=True)), Succeeded)


@pytest.mark.parametrize("code", [1, 2, 126, 127, 137, 255])
def test_exit_codes_are_kept(code: int) -> None:
    assert decide(Evidence(V4, exit_status(code))) == Failed(code, Proof.RUNTIME)


@pytest.mark.on(why="pure: the wire's words alone; tests/conformance/test_exec_ends.py and its like meet the clusters")
def test_pitfall_23_a_missing_shell_is_told_from_a_missing_command() -> None:
    missing = failure(RUNC + 'exec: "sh": executable file not found in $PATH: unknown')
    assert why(decide(Evidence(V4, missing, argv=("sh", "-c", "x"), by_shell=True))) is Why.NO_SHELL
    outcome = decide(Evidence(V4, missing, argv=("sh", "-c", "x")))
    assert isinstance(outcome, Rejected)
    assert str(outcome.reason) == 'no such executable: "sh"'
    hinted = decide(Evidence(V4, exit_status(127), by_shell=True))
    assert isinstance(hinted, Failed)
    assert why(hinted) is Why.NOT_FOUND_IN_SHELL


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (RUNC + 'exec: "nope": executable file not found in $PATH: unknown', Why.NO_EXECUTABLE),
        (RUNC + 'exec: "/bin/nope": stat /bin/nope: no such file or directory: unknown', Why.NO_EXECUTABLE),
        (RUNC + 'exec: "/etc/passwd": permission denied: unknown', Why.NOT_EXECUTABLE),
        (RUNC + "exec /x: exec format error", Why.NOT_EXECUTABLE),
        ("failed to exec in container: container is in CONTAINER_EXITED state", Why.NOT_RUNNING),
        ('container not found ("main")', Why.CONTAINER_NOT_FOUND),
        ("error dialing backend: dial tcp 10.0.0.7:10250: i/o timeout", Why.NODE_UNREACHABLE),
        ("error dialing backend: dial tcp 10.0.0.7:10250: connect: connection refused", Why.NODE_UNREACHABLE),
        ("error sending request: Post x: dial tcp 10.0.0.7:10250: connect: no route to host", Why.NODE_UNREACHABLE),
    ],
)
def test_never_began(message: str, expected: Why) -> None:
    outcome = decide(Evidence(V4, failure(message), argv=("nope",)))
    assert isinstance(outcome, Rejected)
    assert outcome.reason.why is expected


@pytest.mark.parametrize(
    "message",
    ["error dialing backend: EOF", "unexpected EOF", "read tcp 10.0.0.1:1->10.0.0.2:2: connection reset by peer", ""],
)
def test_what_may_have_begun_is_lost(message: str) -> None:
    assert isinstance(decide(Evidence(V5, failure(message))), Lost)


def test_refusals_keep_the_servers_words() -> None:
    words = 'pods "p" is forbidden: User "u" cannot get resource "pods/exec" in API group "" in the namespace "n"'
    body = json.dumps({"kind": "Status", "status": "Failure", "message": words, "code": 403}).encode()
    outcome = refused(403, body, ("x",))
    assert isinstance(outcome, Rejected)
    assert (outcome.reason.why, outcome.reason.detail) == (Why.FORBIDDEN, words)


def test_a_403_without_a_reason_is_explained() -> None:
    body = json.dumps({"kind": "Status", "status": "Failure", "message": 'pods "p" is forbidden: ', "code": 403})
    outcome = refused(403, body.encode(), ("x",))
    assert isinstance(outcome, Rejected)
    assert outcome.reason.detail == f'pods "p" is forbidden: {UNTOLD}'


@pytest.mark.on(why="pure: the wire's words alone; tests/conformance/test_exec_ends.py and its like meet the clusters")
def test_pitfall_18_a_container_not_found_is_rejected() -> None:
    outcome = refused(500, b'unable to upgrade connection: container not found ("c")\n', ("x",))
    assert isinstance(outcome, Rejected)
    assert outcome.reason.why is Why.CONTAINER_NOT_FOUND


@pytest.mark.on(why="pure: the wire's words alone; tests/conformance/test_exec_ends.py and its like meet the clusters")
@pytest.mark.parametrize(("code", "expected"), [(502, Lost), (504, Lost), (503, Lost), (500, Lost)])
def test_pitfall_29_a_proxys_own_answer_may_hide_a_start(code: int, expected: type[Outcome]) -> None:
    assert isinstance(refused(code, b"<html>Bad Gateway</html>", ("x",)), expected)


@pytest.mark.on(why="pure: the wire's words alone; tests/conformance/test_exec_ends.py and its like meet the clusters")
@pytest.mark.parametrize("code", [400, 403, 426, 404, 429, 401])
def test_pitfall_29_an_answer_below_500_means_it_never_began(code: int) -> None:
    assert isinstance(refused(code, b"no", ("x",)), Rejected)


def test_reasons_hold_no_argv_beyond_the_first_word() -> None:
    argv = ("sh", "-c", "echo hunter2 | login", "topsecret")
    for text in (f"error executing command [{' '.join(argv)}], exit", " ".join(argv), "login topsecret failed"):
        assert "hunter2" not in mask(text, argv)
        assert "topsecret" not in mask(text, argv)


def test_equal_refusals_fold() -> None:
    one, two = ("a" * 64, "b" * 64)
    assert mask(f'start exec "{one}": x', ()) == mask(f'start exec "{two}": x', ())
