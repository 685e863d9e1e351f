"""The one fan-out engine and its pure policies.

Policies are values and functions, time is an argument; only engine.py, gate.py, pool.py and keep.py are async or act.
Nothing here prints, and nothing here knows Kubernetes: pods are reached through ports alone.
"""
