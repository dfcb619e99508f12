"""Parts of connectors that would make their one file too long; no kind of source is registered from here."""
