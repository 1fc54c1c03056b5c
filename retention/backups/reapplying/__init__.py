"""After a restore: who is back, and how they go again."""
