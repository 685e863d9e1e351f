"""Containers that are not there: private in-memory files, a small shell, built-in programs.

Law: nothing here reads or runs anything of the host; time is the one thing a program may ask for.
"""
