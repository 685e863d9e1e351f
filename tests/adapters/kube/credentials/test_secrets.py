"""Secrets are never shown: not by repr, not by format, not by a pickle."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from podium.adapters.kube.access import Access, Credential, Secret, TlsSettings
from podium.adapters.kube.kubeconfig_decode import user_of
from podium.adapters.kube.kubeconfig_file import read
from podium.adapters.kube.rotation import FixedSource, Material, RotatingCredentials


@pytest.mark.parametrize("shown", [repr, str, "{}".format, lambda value: f"{value!s:>40}"])
def test_secrets_are_not_shown(shown: Callable[[object], str]) -> None:
    secret = Secret("hunter2")
    held = RotatingCredentials(FixedSource(Material(headers=(("Authorization", secret),), key_pem=secret)), lambda: 0.0)
    access = Access("c", "c", "u", "https://h", "n", TlsSettings(), "http://u:hunter2@p", held)
    credential = Credential(0, (("Authorization", secret),), None, secret)
    for value in (secret, credential, access, held, Material(key_pem=secret), [secret]):
        assert "hunter2" not in shown(value)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert copy.copy(credential) == credential


def test_nothing_read_from_a_kubeconfig_shows_its_secrets(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(
        "users:\n- name: u\n  user: {token: hunter2, password: hunter2, client-key-data: aHVudGVyMg==,"
        " auth-provider: {name: oidc, config: {refresh-token: hunter2}},"
        " exec: {command: c, apiVersion: client.authentication.k8s.io/v1beta1, args: [hunter2],"
        " env: [{name: A, value: hunter2}]}}\n"
    )
    file = read(path)
    assert "hunter2" not in repr(file)
    assert "hunter2" not in repr(user_of(file.users[0]))
