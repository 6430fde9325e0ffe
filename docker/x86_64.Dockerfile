# For CI and bags on x86_64: Debian 12, Python 3.11, ROS 2 Kilted from wheels. From the top:
#   docker build -f docker/x86_64.Dockerfile -t anonymizer_node:x86_64 .
#   docker run --rm --network none --user "$(id -u):$(id -g)" -v "$PWD:/data" anonymizer_node:x86_64 \
#       anonymize bag /data/in /data/out
FROM debian:bookworm-slim

ENV LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive PYTHONDONTWRITEBYTECODE=1
SHELL ["/bin/bash", "-o", "pipefail", "-c"]

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libturbojpeg0 python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

COPY constraints-py311.txt /src/constraints-py311.txt
COPY launch /src/launch
COPY models /src/models
COPY ros2_ws/src /src/ros2_ws/src
WORKDIR /src/ros2_ws/src/anonymizer_node
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir -c /src/constraints-py311.txt '.[ros]' \
    && rm -rf /src
COPY docker/entrypoint /opt/anonymizer_node/entrypoint

ENV PATH=/opt/venv/bin:$PATH AMENT_PREFIX_PATH=/opt/venv
RUN useradd --system --uid 970 --create-home anonymizer
USER 970
WORKDIR /data

ENTRYPOINT ["/opt/anonymizer_node/entrypoint"]
CMD ["anonymize", "--help"]
HEALTHCHECK NONE
