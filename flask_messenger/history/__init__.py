"""What Meta has of an account's conversations: fetched once, and compared every night."""
