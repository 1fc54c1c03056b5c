"""Reports, read from the ledger, for people and for programs."""
