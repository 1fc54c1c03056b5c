"""What must go, and when: the policy and its calendar. Pure: no I/O, no SQL, no clock."""
