"""What becomes of a row, as SQL: clocks, conditions, masks, and the rules' precedence."""
