"""What the outside is: each adapter keeps the promise of one port. Adapters never import features, runner or apps."""
