# rocketmq-dev, a RocketMQ for development and tests, and nothing else:
#
#   docker build -t rocketmq-dev .
#   docker run --rm -p 9876:9876 -p 10911:10911 rocketmq-dev
#   docker run --rm -p 9876:9876 -p 10911:10911 -v rocketmq:/data rocketmq-dev -data /data
#
# Programs on the machine use 127.0.0.1:9876 as name server. Clients are told that the broker
# is at 127.0.0.1:10911; for other containers it has to be the name of this one, such as
# -advertise rocketmq. docs/testing.md has more, also for test containers.
FROM golang:1.26.8 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/rocketmq-dev ./cmd/rocketmq-dev
RUN mkdir /out/data

FROM scratch
COPY --from=build /out/rocketmq-dev /rocketmq-dev
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
VOLUME /data
# The name server, and the broker. Further brokers are at 10931, 10951 and so on.
EXPOSE 9876 10911
ENTRYPOINT ["/rocketmq-dev", "-addr", "0.0.0.0:9876"]
