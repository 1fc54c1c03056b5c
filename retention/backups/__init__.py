"""Copies of what is gone: where they are, what they hold, when the last of them goes."""
