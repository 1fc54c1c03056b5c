"""What people ask for one by one: holds, and later requests, events, recipients."""
