"""Arrow → bytes. No HTTP: a protocol says what it wants as an `Encoding`, a worker writes it."""
