"""TPC-H over three sources: its rows, the databases that hold them, its queries, and the workspace over them."""
