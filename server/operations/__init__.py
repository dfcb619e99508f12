"""What admins do to a workspace, as plain functions: the admin API and the commands run the same code.

Each takes the server's state and a Scope. They know nothing of HTTP or of a terminal.
"""
