# SPDX-License-Identifier: Apache-2.0
# One image for all commands: docker build -t joulepath . (docs/guides/compose.md)
FROM debian:12-slim AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
# The pins have hashes for x86-64 and arm64. Left out are the large packages, 440 MB: those of `joulepath calibrate`, of
# Parquet files and of the page of `joulepath report`. With --build-arg WITHOUT=nothing they come along.
ARG WITHOUT="numpy|scipy|pyarrow|vl-convert-python"
RUN awk -v without="^($WITHOUT)==" '/^[a-z]/ { left_out = $0 ~ without } !left_out' constraints.txt > pins.txt \
    && python3 -m venv /opt/joulepath \
    && /opt/joulepath/bin/pip install --no-cache-dir --require-hashes --only-binary :all: --requirement pins.txt \
    && /opt/joulepath/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /opt/joulepath/bin/pip check \
    && /opt/joulepath/bin/pip uninstall --yes hatchling packaging pathspec pluggy tomlkit trove-classifiers setuptools pip

FROM debian:12-slim
# libbpf1 is for ioam and tag. /var/lib/joulepath is for what commands write, such as rule files.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libbpf1 python3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10471 joulepath \
    && useradd --uid 10471 --gid 10471 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin joulepath \
    && install -d -o joulepath -g joulepath /var/lib/joulepath
COPY --from=build /opt/joulepath /opt/joulepath
COPY deploy/image/healthy.py /usr/local/lib/joulepath/healthy.py
ENV PATH=/opt/joulepath/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONDONTWRITEBYTECODE=1
# By number, so that Kubernetes can see that it is not root. ioam, tag and rapl need root's uid, or rights for another.
USER 10471:10471
EXPOSE 10471 10472 10473 10474 10475 10476 10477 10478 10479 10480
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python3", "/usr/local/lib/joulepath/healthy.py"]
ARG VERSION=unreleased
LABEL org.opencontainers.image.title="joulepath" \
      org.opencontainers.image.description="Exporters and recording rules: the energy of applications, from the plug to the model" \
      org.opencontainers.image.licenses="Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause)" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.base.name="docker.io/library/debian:12-slim"
ENTRYPOINT ["joulepath"]
CMD ["--help"]
