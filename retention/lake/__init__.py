"""Lake tables (Delta): read, changed in one commit each, and what lies on their disks."""
