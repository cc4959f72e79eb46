"""The composition root: builds the running objects from the settings. Nothing below it sees the settings.

process             what lives as long as the process: context, tracker, lockout
wiring              settings -> pollers, and the exposition
credential_sources  a project's settings -> the source of its credentials
daemon              runs pollers and renderer; reload, signals, shutdown
secret_files        which files hold secrets, and whether others can read them
status              what the status page shows
"""
