"""What a night costs beside the bare statements that do the same: `make bench`."""
