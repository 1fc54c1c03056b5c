"""How each engine says it: the common way, and one file an engine for its differences."""
