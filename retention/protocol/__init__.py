"""Lock, decide, intent, marker, commit, settle: the only caller of erase."""
