"""The runs that were kept: list, show, output, follow, wait, compare, cancel."""
