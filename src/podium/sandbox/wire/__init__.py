"""Bytes: TLS certificates, HTTP/1.1, WebSocket frames and exec channels.

Law: nothing here knows what a pod is; the rest of the sandbox never touches a socket.
"""
