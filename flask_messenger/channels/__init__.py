"""What differs between channels, behind one protocol."""
