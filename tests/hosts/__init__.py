"""More than one host: network namespaces on one bridge, and cables that can be cut."""
