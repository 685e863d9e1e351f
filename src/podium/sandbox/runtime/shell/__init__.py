"""A small POSIX shell for sandbox pods: streaming, with stdin, jobs and signals.

Law: what it does not know it says ("not supported in the sandbox"); it never guesses.
Why an own shell: docs/adr/0003-sandbox-shell.md.
"""
