"""The pages: settings, the choice of Pages after a login, the inbox, and the status of a deletion."""
