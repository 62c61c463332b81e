"""How an account is connected, kept in health, moved and disconnected."""
