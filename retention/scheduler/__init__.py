"""When rules run, and one whole run."""
