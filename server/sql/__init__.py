"""The SQL protocol: POST a SELECT over publications."""
