"""The command line: one file a verb, render.py draws. Flags are parsed once, into the features' requests."""
