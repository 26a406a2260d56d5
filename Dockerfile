# openai-replay as a sidecar: it answers http://HOST:8080/v1 from the recordings mounted at /recordings.
#   docker build -t openai-replay .
#   docker run --rm -p 127.0.0.1:8080:8080 -v "$PWD/recordings:/recordings:ro" openai-replay
FROM python:3.13-slim AS build
COPY . /source
RUN pip install --no-cache-dir --no-compile --prefix=/install /source

FROM python:3.13-slim
COPY --from=build /install /usr/local
RUN useradd --create-home --uid 10001 replay
USER replay
WORKDIR /home/replay
ENV OPENAI_RECORDING_DIR=/recordings PYTHONUNBUFFERED=1
VOLUME /recordings
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/@/report?test_id=healthcheck', timeout=4)"]
# In a container every address is the container's own; `docker run -p 127.0.0.1:8080:8080` keeps others out.
ENTRYPOINT ["openai-replay", "serve", "--listen-host", "0.0.0.0", "--listen-port", "8080", "--mode", "reverse:https://api.openai.com"]
