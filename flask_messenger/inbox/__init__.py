"""Reading conversations and acting on them, for one tenant at a time."""
