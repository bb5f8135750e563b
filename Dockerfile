# One image for all of Airflow's processes. Without the syntax line and cache mounts, so that old engines build it too.
FROM python:3.11-slim-bookworm

RUN useradd --uid 50000 --create-home --shell /usr/sbin/nologin footprints \
    && install -d -o footprints -g footprints /opt/airflow /opt/footprints
WORKDIR /opt/footprints

# The dependencies first: they change less often than our code.
COPY requirements.lock .ci/installer.lock .ci/build.lock /tmp/locks/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install -q --no-cache-dir --require-hashes -r /tmp/locks/build.lock \
    && /opt/venv/bin/pip install -q --no-cache-dir --require-hashes -r /tmp/locks/installer.lock \
    && /opt/venv/bin/uv pip install -q --no-cache --python /opt/venv/bin/python --require-hashes --compile-bytecode \
       -r /tmp/locks/requirements.lock
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1

COPY pyproject.toml README.md LICENSE ./
COPY plugins plugins
COPY dags dags
COPY expectations expectations
COPY sql sql
RUN pip install -q --no-cache-dir --no-deps --no-build-isolation -e . && python -m compileall -q plugins dags

USER footprints
CMD ["airflow", "version"]
