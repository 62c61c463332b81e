"""What a newcomer finds: an account of each channel, connected, and a conversation of each kind.

Nothing here writes a row: the customers of the simulated Meta act, its signed webhooks arrive, and
the demo's agent answers through the CRM's own API.
"""
