ARG PYTHON=3.13
# A tag, so that every build takes the base's newest fixes. To build on one that you have looked at:
#   --build-arg DIGEST=@sha256:...   (docker buildx imagetools inspect python:3.13-slim tells it)
ARG DIGEST=

FROM python:${PYTHON}-slim${DIGEST} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /src
# pip works on the environment from outside: what is shipped holds the exporter and its packages, no installer.
RUN python -m venv --without-pip /opt/modelarts-exporter
# The packages change seldom, the exporter often: in this order a build repeats only what changed.
COPY requirements.lock ./
RUN pip --python /opt/modelarts-exporter install --no-compile --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
# The bytecode counts as fresh whatever the files' times become on their way through layers and registries; the
# container could not renew it.
RUN pip --python /opt/modelarts-exporter install --no-compile --no-deps . \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/modelarts-exporter

FROM python:${PYTHON}-slim${DIGEST}
# Nor does the base's own Python keep one: nobody is to install anything in a running container.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3.*/ensurepip /usr/local/lib/python3.*/site-packages/pip*
COPY --from=build /opt/modelarts-exporter /opt/modelarts-exporter
# HOME, where .huaweicloud/credentials can be mounted, is nothing that the exporter could write to itself.
ENV PATH=/opt/modelarts-exporter/bin:$PATH \
    HOME=/home/exporter \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# For state.path. A volume that is mounted here empty takes over the directory's owner.
RUN install --directory --owner=65532 --group=65532 --mode=700 /var/lib/modelarts-exporter
# No name is needed for the user, and numbers let Kubernetes verify runAsNonRoot.
USER 65532:65532
EXPOSE 10310
STOPSIGNAL SIGTERM
# An exporter that listens elsewhere, or with TLS, gives its own check the URL as an argument; one that asks for
# client certificates goes without (--no-healthcheck).
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["python", "-m", "exporter.cli.healthcheck"]
ENTRYPOINT ["modelarts-exporter"]
# The version is written out, so that a plain build is labelled right; a test holds it to exporter.__version__.
LABEL org.opencontainers.image.title="modelarts-exporter" \
      org.opencontainers.image.description="Prometheus exporter for the workload queues of Huawei Cloud ModelArts dedicated resource pools" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
