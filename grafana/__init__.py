"""The Grafana dashboards, as code: `python -m grafana` writes `grafana/dashboards/*.json`.

queries     PromQL over the exporter's own tables of metrics
colours     what a colour means, the same on every board
panels      one function per kind of panel
tables      tables: one row per pool or workload, one query per column
variables   what is chosen at the top of a board
layout      rows of panels -> a dashboard, with ids and links
boards/     one module per dashboard; of the Pool board, one per row
"""
