"""Other engines over the same sources, each in an environment of its own: what users would pick instead."""
