"""Modules that import nothing of the exporter but each other.

clock        the clocks, and sleeping
errors       every error of the exporter
logging      log lines and their formats
log_writer   the thread that writes the daemon's log lines
signals      signals that come during the start
secrets      values that do not print; redaction
text         text from others, safe to show
files        reading files; noticing that they changed; replacing one as a whole
yaml         YAML files of the operator
validation   pydantic models of these files, and their problems as sentences
suggest      "did you mean ...?"
"""
