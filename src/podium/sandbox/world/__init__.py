"""What stands in the sandbox: records of pods, nodes and their owners, and the scenario that made them.

Law: pods are compact records; JSON is rendered when somebody asks.
"""
