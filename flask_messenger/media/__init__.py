"""Files of messages: fetched from Meta, kept, served to agents, taken from agents for sending."""
