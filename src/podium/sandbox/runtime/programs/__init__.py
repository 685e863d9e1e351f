"""The programs an image may hold, by the name a file's `program` gives.

Law: a program is `async (Process) -> exit code`; it reads and writes through its process alone.
"""
