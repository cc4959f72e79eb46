"""Measures the exporter beside what a user would run instead: `make bench`. Nothing here is run by the tests.

The data's way: `data` makes workloads, `pages` serves them from ready bytes, `peers` starts the exporter and
its peers on them as processes of their own (`stopwatch` is the exporter with its inner functions timed,
`script` and `collector` are peers), `scraper` asks them for metrics. The sections `polls`, `many`, `scrapes`
and `footprint` measure and return tables and verdicts; `report` prints them. `missed` and `estimates` need no
process: they hold counters and estimates against what truly happens in `simulated` pools.
"""
