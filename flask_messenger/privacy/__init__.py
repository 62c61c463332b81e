"""What people may ask of their data: an export of it, or its erasure."""
