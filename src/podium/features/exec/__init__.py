"""Run one command in every target and report what each answered."""
