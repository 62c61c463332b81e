"""HTTP to Meta and nothing else: one client, one table of errors, one file per area of Graph."""
