"""Acting as somebody else: the headers equal kubectl's, whether the kubeconfig or flags say so."""

from __future__ import annotations

import pytest

from podium.adapters.kube.impersonation import acting_as, escaped, headers_of
from podium.adapters.kube.kubeconfig_entries import Impersonation, Overrides
from podium.domain.errors import UsageError
from support.authorities import Authority, Pair
from support.kubectl_oracle import Lab
from support.recording_server import recording_server

EVERYTHING = {
    "token": "t",
    "as": "carol",
    "as-uid": "42",
    "as-groups": ["ops", "system:masters", "ops"],
    "as-user-extra": {"Acme.com/Project": ["b", "a"], "plain": ["x"], "100%": [""], "Größe": ["y"]},
}


async def test_everything_the_kubeconfig_says(lab: Lab) -> None:
    lab.kubeconfig(EVERYTHING)
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert ours.all("impersonate-user") == ["carol"]
    assert ours.all("impersonate-uid") == ["42"]
    assert ours.all("impersonate-group") == ["ops", "system:masters", "ops"]
    assert ours.all("impersonate-extra-acme.com%2fproject") == ["b", "a"]


async def test_flags_replace_what_the_kubeconfig_says(lab: Lab) -> None:
    lab.kubeconfig(EVERYTHING)
    overrides = Overrides(
        as_user="dave",
        as_groups=("dev", "qa"),
        as_uid="7",
        as_user_extra=(("plain", "1"), ("new", "2"), ("plain", "3")),
    )
    flags = ["--as=dave", "--as-group=dev", "--as-group=qa", "--as-uid=7"]
    flags += ["--as-user-extra=plain=1", "--as-user-extra=new=2", "--as-user-extra=plain=3"]
    theirs, ours = await lab.both(*flags, overrides=overrides)
    assert ours.identity == theirs.identity
    assert ours.all("impersonate-group") == ["dev", "qa"]
    assert ours.all("impersonate-extra-plain") == ["1", "3"]


async def test_a_flag_for_the_user_keeps_the_groups_of_the_kubeconfig(lab: Lab) -> None:
    lab.kubeconfig(EVERYTHING)
    theirs, ours = await lab.both("--as=dave", overrides=Overrides(as_user="dave"))
    assert ours.identity == theirs.identity
    assert (ours.all("impersonate-user"), len(ours.all("impersonate-group"))) == (["dave"], 3)


async def test_a_flag_for_a_group_keeps_the_user_of_the_kubeconfig(lab: Lab) -> None:
    lab.kubeconfig({"token": "t", "as": "carol"})
    theirs, ours = await lab.both("--as-group=g", overrides=Overrides(as_groups=("g",)))
    assert ours.identity == theirs.identity
    assert (ours.all("impersonate-user"), ours.all("impersonate-group")) == (["carol"], ["g"])


async def test_flags_alone(lab: Lab) -> None:
    lab.kubeconfig({"token": "t"})
    theirs, ours = await lab.both("--as=dave", "--as-group=g", overrides=Overrides(as_user="dave", as_groups=("g",)))
    assert ours.identity == theirs.identity


async def test_plain_http_carries_no_credentials_but_who_we_act_as(
    lab: Lab, authority: Authority, server_pair: Pair
) -> None:
    async with recording_server(authority, server_pair, plain=True) as server:
        lab.server = server
        url = server.url.replace("https", "http")
        lab.kubeconfig(EVERYTHING, lab.cluster(server=url, certificate_authority_data=None))
        theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert (ours.all("authorization"), ours.all("impersonate-user")) == ([], ["carol"])


@pytest.mark.parametrize("overrides", [Overrides(as_groups=("g",)), Overrides(as_uid="1")])
def test_groups_without_a_user_are_refused(overrides: Overrides) -> None:
    with pytest.raises(UsageError, match="--as USER"):
        acting_as(Impersonation(), overrides)


def test_a_line_break_in_a_value_is_refused() -> None:
    with pytest.raises(UsageError, match="Impersonate-Group"):
        headers_of(Impersonation(user="u", groups=("a\r\nX: y",)))


def test_keys_are_escaped_so_that_the_server_reads_them_back() -> None:
    assert escaped("Acme.com/A b%") == "acme.com%2fa%20b%25"
