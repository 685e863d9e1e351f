"""What users do, a folder each. Features never import each other nor an adapter; in each only service.py is async."""
