"""The command line.

main         parses the arguments and runs a command
args         flags and arguments
output       stdout and stderr, and what happens when they cannot be written
run          the daemon with its web server: no command
check, once  poll every pool once: a table, the metrics
record       poll every pool once, and write the answers with stand-ins
demo         the daemon on a simulated cloud, or on a recording
healthcheck  a program of its own, for the image
"""
