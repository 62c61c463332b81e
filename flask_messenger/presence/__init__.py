"""How an account presents itself in a chat: its profile, and the personas of its agents."""
