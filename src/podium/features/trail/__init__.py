"""Read the audit trail: list, show, verify, export."""
