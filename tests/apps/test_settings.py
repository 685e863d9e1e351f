"""Settings: one table, two files, variables and flags; each with its origin, each refusal one line."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from apps.stages import Stage, Terminal, pod
from apps.test_json_shapes import documented, keys
from podium.apps import bootstrap, settings
from podium.apps.cli.commanding import DEFAULT_TIMEOUT
from podium.apps.cli.connecting import DEFAULT_CONNECT_TIMEOUT
from podium.apps.cli.grammar import GRAMMAR
from podium.apps.cli.request import MAX_OUTPUT
from podium.apps.cli.settled import protected_by, rules_by
from podium.apps.settings import SETTINGS, load
from podium.domain.errors import UsageError
from podium.domain.selection import PROTECTED
from podium.features.exec.asking import Rules
from podium.features.exec.request import Caution
from podium.runner import retry
from podium.runner.order import Order
from podium.runner.plan import Pace

EXEC = ("exec", "--all", "--", "hostname")
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


class Desk:
    """A user's and a system's settings file, and the command line that reads them."""

    def __init__(self, podium: Terminal, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.podium = podium
        self.user = folder / "config" / "podium" / "settings.toml"
        self.system = folder / "etc" / "settings.toml"
        self.monkeypatch = monkeypatch
        monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        monkeypatch.setattr(settings, "SYSTEM", self.system)

    def write(self, user: str = "", system: str = "") -> None:
        for path, text in ((self.user, user), (self.system, system)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def plan(self, *flags: str, status: int = 0) -> dict[str, object]:
        """The plan of a dry run, which shows what settings came to."""
        ran = self.podium(Stage([pod("web-1")]), "exec", "--all", "--dry-run", "-o", "json", *flags, "--", "ls")
        assert ran.status == status, ran.err
        plan: dict[str, object] = ran.json["plan"]
        return plan

    def origin(self, key: str) -> tuple[str, str, bool]:
        found = {one["key"]: one for one in self.podium(None, "config", "-o", "json").json["settings"]}[key]
        return found["value"], found["origin"], found["locked"]

    def refusal(self, *argv: str) -> str:
        ran = self.podium(Stage([pod("web-1")]), *(argv or EXEC))
        assert (ran.status, ran.out) == (2, b"")
        assert ran.err.count("\n") == 1
        assert ran.err.startswith("podium: error: ")
        return ran.err


@pytest.fixture
def desk(podium: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    for name in [name for name in os.environ if name.startswith("PODIUM_")]:
        monkeypatch.delenv(name)
    return Desk(podium, tmp_path, monkeypatch)


def test_the_table_says_what_the_code_does() -> None:
    def default(key: str) -> object:
        return SETTINGS[key].read(SETTINGS[key].default)

    pace, policy, rules = Pace(), retry.RetryPolicy(), Rules()
    assert default("timeout") == DEFAULT_TIMEOUT
    assert default("connect-timeout") == DEFAULT_CONNECT_TIMEOUT == pace.connect_timeout
    assert default("request-timeout") == bootstrap.REQUEST_TIMEOUT
    assert (default("concurrency"), default("max-per-node")) == (pace.concurrency, pace.max_per_node)
    assert default("retries") == policy.retries
    assert default("order") == Caution().order.value == Order.SPREAD.value
    assert default("max-output") == MAX_OUTPUT
    assert (default("ask-above"), default("guarded-contexts")) == (rules.above, rules.guarded)
    assert default("protected-namespaces") == PROTECTED
    nothing = load({}, Path("/nonexistent/x"))
    assert rules_by(nothing) == rules_by(None) == rules
    assert protected_by(nothing) == protected_by(None) == PROTECTED


def test_every_setting_is_a_flag_of_exec_but_three() -> None:
    flags = {param.name for param in GRAMMAR["exec"].params}
    assert {key for key, one in SETTINGS.items() if one.name not in flags} == {
        "ask-above", "guarded-contexts", "protected-namespaces",
    }  # fmt: skip


def test_later_ones_win(desk: Desk) -> None:
    assert desk.origin("concurrency") == ("64", "default", False)
    desk.write(system="concurrency = 10")
    assert desk.origin("concurrency") == ("10", str(desk.system), False)
    desk.write(system="concurrency = 10", user='concurrency = 20\ntimeout = "2m"')
    assert desk.origin("concurrency") == ("20", str(desk.user), False)
    plan = desk.plan()
    assert plan["pace"]["concurrency"] == 20  # type: ignore[index]
    assert plan["timeouts"]["target"] == 120.0  # type: ignore[index]
    desk.monkeypatch.setenv("PODIUM_CONCURRENCY", "30")
    assert desk.origin("concurrency") == ("30", "PODIUM_CONCURRENCY", False)
    assert desk.plan()["pace"]["concurrency"] == 30  # type: ignore[index]
    assert desk.plan("--concurrency", "40")["pace"]["concurrency"] == 40  # type: ignore[index]


def test_what_is_locked_stays(desk: Desk) -> None:
    desk.write(system='timeout = "1m"\nlock = ["timeout", "concurrency"]', user='timeout = "9m"\nconcurrency = 9')
    desk.monkeypatch.setenv("PODIUM_TIMEOUT", "8m")
    assert desk.origin("timeout") == ("1m", str(desk.system), True)
    assert desk.origin("concurrency") == ("64", str(desk.system), True)
    plan = desk.plan("--timeout", "60s")
    assert plan["timeouts"]["target"] == 60.0  # type: ignore[index]
    assert plan["pace"]["concurrency"] == 64  # type: ignore[index]
    assert f"--timeout: {desk.system} locks it to 1m" in desk.refusal("exec", "--all", "--timeout", "7m", "--", "ls")
    assert "--concurrency" in desk.refusal("exec", "--all", "--concurrency", "65", "--", "ls")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tiemout = 1", "unknown key tiemout; did you mean timeout"),
        ("zzz = 1", "unknown key zzz (podium config lists them)"),
        ('timeout = "5"', "timeout: not a duration: '5'"),
        ("timeout = 5.0", "timeout: expected a text or a whole number"),
        ("concurrency = true", "concurrency: expected a text or a whole number"),
        ("concurrency = 0", "concurrency: '0' is not a whole number of at least 1"),
        ("retries = 6", "retries: '6' is not a whole number of at least 0 and at most 5"),
        ('order = "sideways"', "order: 'sideways' is none of spread"),
        ('max-failures = "200%"', "max-failures: not a percentage"),
        ('guarded-contexts = "*prod*"', "guarded-contexts: expected a list of texts"),
        ("timeout = ", "not TOML"),
        ('lock = ["timeout"]', "lock: only "),
        ("selections = 1", "selections: expected a table"),
        ("[selections]\nweb = 1", "selections.web: expected a selection"),
        ('[selections]\nweb = "\'"', "selections.web: No closing quotation"),
    ],
)
def test_a_wrong_file_is_one_line_with_file_and_key(desk: Desk, text: str, said: str) -> None:
    desk.write(user=text)
    for argv in (EXEC, ("config",), ("targets",)):
        err = desk.refusal(*argv)
        assert f"{desk.user}: " in err
        assert said in err
    assert desk.podium(None, "version").status == 0


def test_wrong_locks_variables_and_bytes(desk: Desk) -> None:
    desk.write(system='lock = ["speed"]')
    assert "lock: unknown key speed" in desk.refusal()
    desk.write(system="lock = true")
    assert "lock: expected a list of keys" in desk.refusal()
    desk.write()
    desk.monkeypatch.setenv("PODIUM_TIMEOUT", "soon")
    assert "PODIUM_TIMEOUT: timeout: not a duration: 'soon'" in desk.refusal()
    desk.monkeypatch.delenv("PODIUM_TIMEOUT")
    desk.user.write_bytes(b"\xff")
    assert f"{desk.user}: not UTF-8" in desk.refusal()
    desk.user.unlink()
    desk.user.mkdir()
    assert f"{desk.user}: Is a directory" in desk.refusal()


def test_a_named_selection_stands_for_its_words(desk: Desk) -> None:
    desk.write(user='[selections]\nweb = "-n shop web-1 -l a=b,c!=d -x web-9"\nall = "--all"\n')
    ran = desk.podium(Stage([pod("web-1", labels={"a": "b"}), pod("web-2")]), "exec", "@web", "-o", "name", "--", "ls")
    assert (ran.status, ran.text) == (0, "prod%2Feu/shop/web-1/app\n")
    both = desk.podium(Stage([pod("web-1"), pod("web-2")]), "targets", "@all", "-x", "web-1", "-o", "name")
    assert both.text == "prod%2Feu/shop/web-2/app\n"
    assert "@web" in desk.podium(None, "config").text
    assert "no selection of that name in the settings; did you mean @web?" in desk.refusal("exec", "@wbe", "--", "ls")


@pytest.mark.parametrize(
    ("text", "said"),
    [("--timeout 5s web", "--timeout is no part of a selection"), ("@all", "names no other"), ("--fly", "--fly")],
)
def test_a_selection_says_nothing_else(desk: Desk, text: str, said: str) -> None:
    desk.write(user=f'[selections]\nweb = "{text}"\nall = "--all"\n')
    err = desk.refusal("exec", "@web", "--", "ls")
    assert f"{desk.user}: selections.web: " in err
    assert said in err


def test_an_at_sign_elsewhere_is_left_alone(desk: Desk) -> None:
    stage = Stage([pod("web-1")])
    assert desk.podium(stage, "exec", "--all", "--reason", "@web", "--", "echo", "@web").status == 0
    assert stage.exec.seen[0][1].argv == ("echo", "@web")


def test_settings_of_the_screen_leave_one_pod_as_kubectl_shows_it(desk: Desk) -> None:
    desk.write(user="max-lines = 5\nmax-groups = 3")
    ran = desk.podium(Stage([pod("web-1")]), "exec", "web-1", "-q", "--", "ls")
    assert ran.out == b"ok\n"


def test_protected_namespaces_and_when_to_ask(desk: Desk) -> None:
    desk.write(user='protected-namespaces = ["infra-*"]\nask-above = 7\nguarded-contexts = ["live"]')
    stage = Stage([pod("a", namespace="infra-dns"), pod("b", namespace="kube-system")])
    assert desk.podium(stage, "exec", "-A", "--all", "-o", "name", "--", "ls").text == "prod%2Feu/kube-system/b/app\n"
    found = load(os.environ)
    assert rules_by(found) == Rules(7, ("live",))


def test_json_has_the_documented_keys_and_the_page_lists_all(desk: Desk) -> None:
    desk.write(user='[selections]\nweb = "deploy/web"\n')
    whole = desk.podium(None, "config", "view", "-o", "json").json
    page = documented()
    assert keys(whole) == page["config"]
    assert keys(whole["settings"][0]) == page["settings[]"]
    assert keys(whole["selections"][0]) == page["selections[]"]
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| ([^|]+) \|", PAGE.read_text("utf-8"), re.MULTILINE))
    assert rows == {key: one.default if "(" in one.default else f"`{one.default}`" for key, one in SETTINGS.items()}


def test_where_the_users_file_is() -> None:
    where = settings.user_file
    assert where({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}) == Path("/x/podium/settings.toml")
    for other in ({"HOME": "/h"}, {"HOME": "/h", "XDG_CONFIG_HOME": ""}, {"HOME": "/h", "XDG_CONFIG_HOME": "rel"}):
        assert where(other) == Path("/h/.config/podium/settings.toml")
    assert where({}) is None
    with pytest.raises(UsageError):
        load({"PODIUM_RETRIES": "-1"}, Path("/nonexistent/x"))
