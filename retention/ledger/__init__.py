"""What was done: append-only, hash-chained, free of personal data."""
