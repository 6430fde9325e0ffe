# JetPack 6 (L4T r36: Ubuntu 22.04, Python 3.10, CUDA 12.6) with ROS 2 Humble.
# Build it on the Jetson, from the top of the checkout:
#   docker build -f docker/jetpack6.Dockerfile -t anonymizer_node:jetpack6 .
# The build needs the internet; the container doesn't.
ARG BASE=nvcr.io/nvidia/l4t-jetpack:r36.4.0
# hadolint ignore=DL3006  # the tag is above
FROM ${BASE}

ARG ONNXRUNTIME=1.23.0
ARG JETSON_INDEX=https://pypi.jetson-ai-lab.io/jp6/cu126
ENV ROS_DISTRO=humble LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive PYTHONDONTWRITEBYTECODE=1
SHELL ["/bin/bash", "-o", "pipefail", "-c"]

# ROS 2's own packages. Versions are not pinned: its repository keeps only the newest.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl gnupg \
    && curl -fsSL https://raw.githubusercontent.com/ros/rosdistro/master/ros.key \
        -o /usr/share/keyrings/ros-archive-keyring.gpg \
    && echo "deb [signed-by=/usr/share/keyrings/ros-archive-keyring.gpg] http://packages.ros.org/ros2/ubuntu jammy main" \
        > /etc/apt/sources.list.d/ros2.list \
    && apt-get update \
    && apt-get install -y --no-install-recommends \
        libturbojpeg \
        python3-colcon-common-extensions \
        python3-jinja2 \
        python3-numpy \
        python3-opencv \
        python3-pip \
        python3-rich \
        python3-yaml \
        ros-humble-rmw-cyclonedds-cpp \
        ros-humble-ros-base \
        ros-humble-rosbag2-storage-mcap \
        ros-humble-vision-msgs \
        ros-humble-visualization-msgs \
    && rm -rf /var/lib/apt/lists/*

# Built with TensorRT, from NVIDIA's index for Jetsons; then what apt doesn't have.
COPY docker/jetpack6.txt /tmp/requirements.txt
RUN python3 -m pip install --no-cache-dir --no-deps \
        --index-url "${JETSON_INDEX}" "onnxruntime-gpu==${ONNXRUNTIME}" \
    && python3 -m pip install --no-cache-dir -r /tmp/requirements.txt \
    && rm /tmp/requirements.txt

COPY launch /src/launch
COPY models /src/models
COPY ros2_ws/src /src/ros2_ws/src
# hadolint ignore=SC1090
RUN source "/opt/ros/${ROS_DISTRO}/setup.bash" \
    && colcon --log-base /tmp/log build --base-paths /src/ros2_ws/src --build-base /tmp/build \
        --install-base /opt/anonymizer_node --merge-install \
    && rm -rf /tmp/build /tmp/log /src
COPY docker/entrypoint /opt/anonymizer_node/entrypoint

# Not root. In `video`, whose devices the processor's GPU is behind; engines are kept in a volume.
RUN useradd --system --uid 970 --create-home --groups video anonymizer \
    && install -d -o anonymizer -g anonymizer /var/cache/anonymizer_node
USER 970
ENV XDG_CACHE_HOME=/var/cache
VOLUME /var/cache/anonymizer_node

ENTRYPOINT ["/opt/anonymizer_node/entrypoint"]
CMD ["/opt/anonymizer_node/lib/anonymizer_node/anonymizer_node", "--ros-args", "--enclave", "/anonymizer_node", "--params-file", "/config/anonymizer.yaml"]
# The first start builds TensorRT's engine, for minutes.
HEALTHCHECK --interval=30s --timeout=20s --start-period=15m --retries=3 \
    CMD ["/opt/anonymizer_node/entrypoint", "python3", "-m", "anonymizer_node.ros.health"]
