"""Credentials that change under way, as clients in long runs meet them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from podium.adapters.kube.access import Credential, Credentials, Secret
from podium.adapters.kube.certificates import ends_at
from podium.adapters.kube.kubeconfig import load
from podium.adapters.kube.rotation import Material, RotatingCredentials
from podium.domain.errors import ClusterError
from support.authorities import Authority
from support.kubectl_oracle import Lab, b64
from support.recording_server import UNAUTHORIZED, Answer


class Moment:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def moment() -> Moment:
    return Moment()


def credentials(lab: Lab, now: Callable[[], float]) -> Credentials:
    return load(None, replace(lab.surroundings(), now=now)).resolve("here").credentials


def header(credential: Credential) -> str:
    return credential.headers[0][1].reveal()


async def test_a_token_file_is_read_again_every_minute(lab: Lab, moment: Moment) -> None:
    path = lab.write("token", "one")
    lab.kubeconfig({"tokenFile": "token"})
    held = credentials(lab, moment)
    first = await held.current()
    path.write_text("two")
    moment.now += 40
    assert await held.current() is first
    moment.now += 20
    second = await held.current()
    assert (header(second), second.generation > first.generation) == ("Bearer two", True)


async def test_a_token_file_that_did_not_change_keeps_its_generation(lab: Lab, moment: Moment) -> None:
    lab.write("token", "one")
    lab.kubeconfig({"tokenFile": "token"})
    held = credentials(lab, moment)
    first = await held.current()
    moment.now += 600
    assert (await held.current()).generation == first.generation


async def test_a_token_file_that_vanishes_leaves_the_last_token(lab: Lab, moment: Moment) -> None:
    path = lab.write("token", "one")
    lab.kubeconfig({"tokenFile": "token"})
    held = credentials(lab, moment)
    await held.current()
    path.unlink()
    moment.now += 600
    assert header(await held.current()) == "Bearer one"


async def test_a_401_reads_the_token_file_at_once(lab: Lab) -> None:
    path = lab.write("token", "one")
    lab.kubeconfig({"tokenFile": "token"})

    def answer(request: object) -> Answer:
        path.write_text("two")
        return Answer(401, UNAUTHORIZED) if len(lab.server.requests) == 1 else Answer()

    lab.server.answer = answer
    assert (await lab.ours()).status == 200
    assert [request.all("authorization") for request in lab.server.take()] == [["Bearer one"], ["Bearer two"]]


async def test_a_failure_that_nobody_waits_for_any_more_is_not_a_warning() -> None:
    began, goes_on = asyncio.Event(), asyncio.Event()

    class Failing:
        async def fetch(self, *, refused: bool) -> Material:
            began.set()
            await goes_on.wait()
            raise ClusterError("no")

    said: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    held = RotatingCredentials(Failing(), lambda: 0.0)
    asking = asyncio.create_task(held.current())
    await began.wait()
    asking.cancel()
    goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await asking
    while held._flight is not None and not held._flight.done():
        await asyncio.sleep(0)
    held._flight = None
    gc.collect()
    assert said == []


async def test_a_401_during_a_plain_refresh_still_renews() -> None:
    goes_on = asyncio.Event()
    asked: list[bool] = []

    class Caching:
        async def fetch(self, *, refused: bool) -> Material:
            asked.append(refused)
            if len(asked) == 2:
                await goes_on.wait()
            return Material(headers=(("Authorization", Secret("new" if refused else "old")),), fresh_until=0.0)

    now = [0.0]
    held = RotatingCredentials(Caching(), lambda: now[0])
    first = await held.current()
    now[0] = 20.0
    refreshing = asyncio.create_task(held.current())
    await asyncio.sleep(0)
    renewing = asyncio.create_task(held.renew(first))
    await asyncio.sleep(0)
    goes_on.set()
    assert await refreshing == first
    renewed = await renewing
    assert renewed is not None
    assert header(renewed) == "new"
    assert asked == [False, False, True]


async def test_a_401_to_a_plain_token_is_final(lab: Lab) -> None:
    lab.kubeconfig({"token": "t"})
    lab.server.answer = lambda _: Answer(401, UNAUTHORIZED)
    assert (await lab.ours()).status == 401
    assert len(lab.server.take()) == 1


async def test_certificate_files_that_are_replaced_are_taken(lab: Lab, authority: Authority, moment: Moment) -> None:
    for user in ("alice", "bob"):
        pair = authority.client(user)
        lab.write(f"{user}.crt", pair.certificate)
        lab.write(f"{user}.key", pair.key)
    crt, key = lab.folder / "c.crt", lab.folder / "c.key"
    crt.symlink_to("alice.crt")
    key.symlink_to("alice.key")
    lab.kubeconfig({"client-certificate": "c.crt", "client-key": "c.key"})
    held = credentials(lab, moment)
    first = await held.current()
    crt.unlink()
    moment.now += 60
    assert await held.current() == first
    crt.symlink_to("bob.crt")
    key.unlink()
    key.symlink_to("bob.key")
    moment.now += 60
    second = await held.current()
    assert second.certificate_pem == (lab.folder / "bob.crt").read_bytes()
    assert second.generation > first.generation


async def test_an_expired_certificate_is_named_when_the_server_refuses_it(lab: Lab, authority: Authority) -> None:
    pair = authority.client("late", lasts=timedelta(minutes=-5))
    lab.kubeconfig({"client-certificate-data": b64(pair.certificate), "client-key-data": b64(pair.key)})
    config = load(None, lab.surroundings())
    held = config.resolve("here").credentials
    with pytest.raises(ClusterError, match=r'of user "u" in .*/kubeconfig expired on 20\d\d-'):
        await held.renew(await held.current())


async def test_a_certificate_that_holds_is_not_blamed(lab: Lab, authority: Authority) -> None:
    pair = authority.client("fine")
    lab.kubeconfig({"client-certificate-data": b64(pair.certificate), "client-key-data": b64(pair.key)})
    lab.server.answer = lambda _: Answer(401, UNAUTHORIZED)
    assert (await lab.ours()).status == 401


def test_the_end_of_a_certificate(authority: Authority) -> None:
    pem = authority.client("x", lasts=timedelta(days=40_000)).certificate
    assert ends_at(pem) == x509.load_pem_x509_certificate(pem).not_valid_after_utc
    assert ends_at(b"") is None


@given(cut=st.integers(min_value=0, max_value=400), flip=st.integers(min_value=0, max_value=255))
def test_the_end_of_a_damaged_certificate_never_raises(cut: int, flip: int) -> None:
    import base64

    der = bytearray(base64.b64decode(DAMAGED))
    der[cut % len(der)] = flip
    pem = b"-----BEGIN CERTIFICATE-----" + base64.b64encode(bytes(der[: cut or None])) + b"-----END CERTIFICATE-----"
    ends = ends_at(pem)
    assert ends is None or isinstance(ends, datetime)


DAMAGED = b"".join(Authority("damaged").pem.splitlines()[1:-1])
