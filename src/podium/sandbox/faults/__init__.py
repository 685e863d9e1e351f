"""Faults that are planted on demand: how they are written, whom they strike.

Law: a fault decides nothing of what it breaks; the part that is struck asks the box and acts.
"""
