"""Where a delivery comes in: receive, journal, drain, apply, announce."""
