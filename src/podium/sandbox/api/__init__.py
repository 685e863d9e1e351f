"""The Kubernetes API's own words: paths, lists, watches, reviews, exec, logs, Status bodies.

Law: reads the world, never keeps state of its own beyond open streams; where a real API server differs, this is wrong.
"""
