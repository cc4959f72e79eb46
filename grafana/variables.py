"""What is chosen at the top of a board: several values of each, or all, which is one short expression."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import DatasourceVariable, QueryVariable, TextBoxVariable
from grafana_foundation_sdk.models.dashboard import VariableOption, VariableRefresh, VariableSort

from grafana.panels import DATA_SOURCE

Variable = DatasourceVariable | QueryVariable | TextBoxVariable

_SCOPE = 'region=~"$region",project_id=~"$project"'


def data_source() -> DatasourceVariable:
    """The Prometheus that is asked."""
    return DatasourceVariable("datasource").label("Data source").type("prometheus")


def region() -> QueryVariable:
    """Regions with a watched pool."""
    return _many("region", "Region", "label_values(modelarts_pool_up, region)")


def project() -> QueryVariable:
    """The projects there."""
    return _many("project", "Project", 'label_values(modelarts_pool_up{region=~"$region"}, project_id)')


def pool() -> QueryVariable:
    """The pools there, by display name or, while that is not known, by ID."""
    names = (
        f"modelarts_pool_info{{{_SCOPE}}} or on (region, project_id, pool) "
        f'label_replace(modelarts_pool_up{{{_SCOPE}}}, "pool_name", "$1", "pool", "(.+)")'
    )
    choice = _many("pool", "Pool", f"query_result({names})")
    return choice.regex(r'/[{, ]pool="(?<value>[^"]+)".*[{, ]pool_name="(?<text>[^"]+)"/')


def kind() -> QueryVariable:
    """The types of workload: train, infer, notebook and others."""
    return _many("type", "Type", f'label_values(modelarts_pool_workloads{{{_SCOPE},pool=~"$pool"}}, type)')


def instance() -> QueryVariable:
    """The exporters."""
    return _many("instance", "Exporter", "label_values(modelarts_exporter_build_info, instance)")


def job_name() -> TextBoxVariable:
    """A part of a job's name, or a regular expression; upper and lower case are the same."""
    return TextBoxVariable("job").label("Job name contains").default_value("")


def _many(name: str, label: str, query: str) -> QueryVariable:
    return (
        QueryVariable(name)
        .label(label)
        .datasource(DATA_SOURCE)
        .query(query)
        .definition(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )
