# syntax=docker/dockerfile:1
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
WORKDIR /src
RUN python -m venv /opt/modelarts-exporter
ENV PATH=/opt/modelarts-exporter/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
COPY requirements.lock ./
RUN pip install --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
RUN pip install --no-deps . \
    && pip uninstall --yes pip \
    && python -m compileall -q /opt/modelarts-exporter

FROM python:${PYTHON}-slim
LABEL org.opencontainers.image.title="modelarts-exporter" \
      org.opencontainers.image.description="Prometheus exporter for the workload queues of Huawei Cloud ModelArts dedicated resource pools" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/modelarts-exporter /opt/modelarts-exporter
ENV PATH=/opt/modelarts-exporter/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp
# No name is needed for the user, and numbers let Kubernetes verify runAsNonRoot.
USER 65532:65532
EXPOSE 10310
STOPSIGNAL SIGTERM
# An exporter that listens elsewhere, or with TLS, gives its own check the URL.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["python", "-m", "exporter.probe"]
ENTRYPOINT ["modelarts-exporter"]
