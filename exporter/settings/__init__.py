"""What the operator wrote, checked: flags over environment over file, as one immutable `Settings`.

load           all sources -> `Settings`, or every problem
environment    settings in environment variables
names          a setting's path, variable and flag
model          all sections
project, credentials, alerts, shard
               the larger sections
regions        known regions and their URLs
types          durations, addresses, files and other types
docs           the reference in docs/configuration.md
"""
