"""The command line.

main         parses the arguments and runs a command
args         flags and arguments
output       stdout and stderr, and what happens when they cannot be written
run          the daemon with its web server: no command
check, once  poll every pool once: a table, the metrics
demo         the daemon on a simulated cloud
healthcheck  a program of its own, for the image
"""
