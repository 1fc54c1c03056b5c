"""The parts of the recount; nothing here shares a line with what decided or erased."""
