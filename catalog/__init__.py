"""The metadata database: tenants, workspaces, connections, views and their history, publications, keys, runs."""
