"""The rules of planning: one rule, one pure function, one file."""
