"""The long run: weeks of churn and trouble in an hour, and what the exporter made of them.

The data's way, one module a station:

    clock      time that runs fast, the same in both processes
    world      pools in which jobs come and go, and the journal of what truly happened
    troubles   what goes wrong with the cloud, one thing after the other
    subject    the exporter's own command on the fast clock, a process of its own
    process    starts it, looks at its memory and descriptors from outside
    scrapers   who else wants something of it meanwhile
    watch      /metrics held against the journal
    run        all of it at once
    figures    what was measured -> trends and verdicts
    report     -> text
"""
