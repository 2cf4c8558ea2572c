"""A compiled network in the formats of others. Each file imports what it needs only when it is called."""
