"""OData v4: from the URL to a typed tree, from there to a Query, and back as a response."""
