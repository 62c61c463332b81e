"""What an operator asks for: roles in the database, a check of everything, new keys."""
