"""What is written once and sent often: saved replies, templates, and those that Meta approves."""
