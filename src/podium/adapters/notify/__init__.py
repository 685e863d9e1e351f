"""Who is told when something has ended: commands and URLs."""
