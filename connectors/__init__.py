"""One file = one kind of source. `connectors.sdk` is all that the author of one needs."""
