"""One batch's statements: windows of a table, and what is taken from them."""
