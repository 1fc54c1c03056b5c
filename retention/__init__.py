"""Keeps the retention promises of a privacy policy in your own SQL databases, and proves it."""

__version__ = "0.1.0"
