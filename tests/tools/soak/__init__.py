"""The long run: weeks of churn and trouble in an hour, and what the exporter made of them.

The data's way, one module a station:

    plan       how the run goes, and the exporter's configuration
    clock      time that runs fast, the same in both processes
    world      pools in which jobs come and go
    journal    what truly happened in one of them
    troubles   what goes wrong with the cloud, one thing after the other
    subject    the exporter's own command on the fast clock, a process of its own
    process    starts it, looks at its memory and descriptors from outside
    scrapers   who else wants something of it meanwhile
    visitor    asks the exporter on behalf of the run
    watch      /metrics held against the journal
    run        all of it at once
    course     what came of it
    figures    -> trends and verdicts
"""
