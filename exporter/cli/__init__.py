"""The command line: the daemon itself, demo, check, once."""
