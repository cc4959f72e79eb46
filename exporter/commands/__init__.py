"""What the command line can ask for: the daemon itself, demo, check, once."""
