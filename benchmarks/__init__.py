"""What is fast and how fast, each against a floor measured in the same run."""
