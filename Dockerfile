# Livetally in a container: two stages, so that the image holds no compiler and no sources.
#   docker build -t livetally .
FROM python:3.13-slim AS build
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY examples examples
RUN python -m venv /opt/livetally \
    && /opt/livetally/bin/pip install --no-cache-dir '.[postgresql,mariadb,arrow]'

FROM python:3.13-slim
COPY --from=build /opt/livetally /opt/livetally
RUN useradd --system --uid 10001 --no-create-home livetally \
    && install -d -o livetally -g livetally -m 0700 /data
ENV PATH=/opt/livetally/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    LIVETALLY_HOST=0.0.0.0 \
    LIVETALLY_DATA=/data
USER livetally
# The working directory is where an .env file would be read from: nobody can write it.
WORKDIR /opt/livetally
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
CMD ["livetally", "serve"]
