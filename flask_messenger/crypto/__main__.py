"""Print a fresh value for MESSENGER_ENCRYPTION_KEYS: `python -m flask_messenger.crypto`."""

from flask_messenger.crypto import generate_key

if __name__ == "__main__":
    print(generate_key())  # noqa: T201 - printing is what the command is for
