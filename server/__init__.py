"""The server: HTTP, its protocols, the operations behind them, and the command line."""
