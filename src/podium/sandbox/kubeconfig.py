"""Write the kubeconfig that reaches a sandbox; nothing of the user's own is read or touched."""

import base64

from podium.sandbox.wire.tls import KeyPair


def render_kubeconfig(name: str, url: str, ca: str, namespace: str, credential: KeyPair | str) -> str:
    """Return a kubeconfig as YAML; `ca` is base64 PEM, the credential a token or a client certificate."""
    if isinstance(credential, KeyPair):
        certificate = base64.b64encode(credential.certificate).decode()
        user = (
            f"client-certificate-data: {certificate}\n    client-key-data: {base64.b64encode(credential.key).decode()}"
        )
    else:
        user = f"token: {credential}"
    return f"""apiVersion: v1
kind: Config
current-context: {name}
clusters:
- name: {name}
  cluster:
    server: {url}
    certificate-authority-data: {ca}
contexts:
- name: {name}
  context:
    cluster: {name}
    user: {name}
    namespace: {namespace}
users:
- name: {name}
  user:
    {user}
"""
