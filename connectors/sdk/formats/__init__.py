"""File formats: how each one's columns are found and its rows are read, from an open file, as Arrow batches."""
