"""Values and decisions: no clock, no disk, no network, no async.

What lives here imports the standard library only, and of it nothing that reads the world.
Time, randomness and text arrive as arguments. Everybody may import it; it imports nobody.
"""
