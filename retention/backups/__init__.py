"""Copies of what is gone: where they are, what a restore brings back, when the last goes."""
