"""Pods that only a real cluster has: memory limits, ephemeral containers, init containers that run, other shells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.places import Place, eventually

pytestmark = pytest.mark.on("real")


def container(name: str, image: str = "busybox", **more: object) -> dict[str, object]:
    plain = {"name": name, "image": f"podium.test/{image}:1", "imagePullPolicy": "Never"}
    return {**plain, "command": ["sleep", "100000"], **more}


def pod(name: str, *containers: dict[str, object], **spec: object) -> dict[str, object]:
    meta = {"name": name, "labels": {"app": name}}
    body = {"terminationGracePeriodSeconds": 0, "containers": containers, **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": body}


PODS = [
    pod("shells", container("main", "shells")),
    pod("small", container("main", resources={"limits": {"memory": "24Mi"}})),
    pod("helped", container("main")),
    pod("starting", container("main"), initContainers=[container("prepare")]),
]


@pytest.fixture(scope="module")
def pods(place: Place) -> Iterator[None]:
    """These pods, settled."""
    made = json.dumps({"apiVersion": "v1", "kind": "List", "items": PODS}).encode()
    done = place.kubectl("apply", "-f", "-", stdin=made)
    assert done.code == 0, done.err
    wait = ("wait", "--for=condition=Ready", "--timeout=60s", "pod/shells", "pod/small", "pod/helped")
    assert place.kubectl(*wait).code == 0
    eventually(lambda: "running" in statuses(place, "starting", "initContainerStatuses"))
    yield
    place.kubectl("delete", "pod", "shells", "small", "helped", "starting", "--wait=false")


def statuses(place: Place, name: str, key: str) -> set[str]:
    found = place.get("pod", name)["status"].get(key, [])
    return {state for one in found for state in one["state"]}


def only(result: Any) -> Any:
    (target,) = result["targets"]
    return target


def test_a_command_killed_for_memory_is_no_replaced_container(place: Place, pods: None) -> None:
    hungry = "x=$(head -c 100000000 /dev/zero | tr '\\000' a); echo ${#x}"
    target = only(place.exec("small", "--", "sh", "-c", hungry))
    theirs = place.kubectl("exec", "small", "--", "sh", "-c", hungry)
    assert (target["outcome"], target["exit_code"], target["reason"]) == ("failed", 137, None)
    assert theirs.code == 137
    assert place.get("pod", "small")["status"]["containerStatuses"][0]["restartCount"] == 0


def test_an_init_container_that_runs_can_be_named(place: Place, pods: None) -> None:
    target = only(place.exec("starting", "-c", "prepare", "--", "echo", "hi"))
    assert (target["container"], target["outcome"], target["stdout"]) == ("prepare", "succeeded", "hi\n")
    result = place.exec("-l", "app in (starting,solo)", "--", "true")
    assert [t["pod"] for t in result["targets"]] == ["solo"]
    assert [(one["pod"], one["should_run"]) for one in result["left_out"]] == [("starting", True)]
    assert result["exit_status"] == 1


def test_an_ephemeral_container_can_be_named(place: Place, pods: None) -> None:
    helped = place.get("pod", "helped")
    helped["spec"]["ephemeralContainers"] = [container("helper")]
    path = f"/api/v1/namespaces/{place.namespace}/pods/helped/ephemeralcontainers"
    assert place.kubectl("replace", "--raw", path, "-f", "-", stdin=json.dumps(helped).encode()).code == 0
    eventually(lambda: statuses(place, "helped", "ephemeralContainerStatuses") == {"running"})
    target = only(place.exec("helped", "-c", "helper", "--", "echo", "hi"))
    assert (target["container"], target["outcome"], target["stdout"]) == ("helper", "succeeded", "hi\n")
    assert only(place.exec("helped", "--", "true"))["container"] == "main"


BASH = """\
#!/bin/bash
words=(one "two 2" three)
[[ $1 == a* ]] && printf '%s/' "${words[@]}"
exit 5
"""
DASH = "#!/bin/sh\n# it's plain\ncat <<'END'\n$not expanded\nEND\nexit 6\n"


def test_scripts_and_stdin_in_dash_and_bash(place: Place, pods: None, tmp_path: Path) -> None:
    script = tmp_path / "script"
    for text, out, code in ((BASH, "one/two 2/three/", 5), (DASH, "$not expanded\n", 6)):
        script.write_text(text)
        target = only(place.exec("shells", "--script", str(script), "--", "argument"))
        assert (target["stdout"], target["stderr"], target["exit_code"]) == (out, "", code)
    data = bytes(range(256)) * 400
    counted = only(place.exec("shells", "-i", "--env", "A=it's", "--cwd", "/tmp", "--", "wc", "-c", stdin=data))
    assert (counted["stdout"].strip(), counted["proof"]) == ("102400", "mark")
    bare = only(place.exec("shells", "--env", "A=it's", "--cwd", "/tmp", "--", "sh", "-c", 'echo "$A $PWD"'))
    assert bare["stdout"] == "it's /tmp\n"
    script.write_text("#!/no/such/interpreter\n")
    missing = only(place.exec("shells", "--script", str(script)))
    assert (missing["outcome"], missing["exit_code"]) == ("failed", 127)
    assert "/no/such/interpreter" in missing["stderr"]


def test_env_stands_in_no_url_and_no_audit_log(place: Place, pods: None, audit: Path) -> None:
    secret = f"hunter2-{place.name}"
    value = only(place.exec("shells", "--env", f"PASSWORD={secret}", "--", "sh", "-c", 'echo "$PASSWORD"'))
    assert value["stdout"] == f"{secret}\n"
    with audit.open() as lines:
        asked = [line for line in lines if f"/namespaces/{place.namespace}/pods/shells/exec" in line]
    assert asked
    assert not [line for line in asked if secret in line]
    assert any("podium/" in line for line in asked)


@pytest.fixture
def audit(place: Place) -> Path:
    """The audit log of the place's API server."""
    return place.kubeconfig.parent / "audit" / f"{place.name.removeprefix('real-')}.log"
