# The verbs are those of every Watermill Pub/Sub. The tests start the brokers
# they need by themselves, so `up` only fetches what those are made of.

STRESS_TEST_COUNT ?= 10
FUZZTIME          ?= 20s
TOOL              := go tool -modfile=tools/go.mod

.PHONY: build up wait test test_v test_short test_race test_stress fmt lint fuzz bench bench-peers vectors update_watermill

build:
	go build ./...
	go build -C _examples ./...
	go build -C benchmarks ./...
	go build -C tools/vectors -o /dev/null .

up:
	go run ./internal/realbroker/rocketmq -fetch

wait: up

# Everything: vet, all tests with the race detector, and the examples. Where Java
# and Maven are present that includes real RocketMQ brokers; REQUIRE_ROCKETMQ=1
# fails where they are not.
test:
	@go run ./internal/realbroker/rocketmq -check
	go vet ./...
	go test -race -timeout 60m ./...
	go test -short -run Alloc ./... # what the race detector does not let count
	go vet -C _examples ./...
	go test -C _examples -race ./...
	go vet -C benchmarks ./...
	go test -C benchmarks -race ./...

test_v:
	go test -race -v -timeout 60m ./...

# Without real brokers.
test_short:
	go test -short ./...

test_race:
	go test -race -short ./...

# The tests without real brokers, over and over: what is flaky shows.
test_stress:
	go test -race -short -count=$(STRESS_TEST_COUNT) ./...

fmt:
	$(TOOL) gofumpt -w $$(git ls-files '*.go')

lint:
	@unformatted=$$($(TOOL) gofumpt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted by gofumpt:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go mod verify
	go mod tidy -diff
	$(TOOL) staticcheck -checks all,-ST1000,-ST1003 ./...
	go mod -C _examples tidy -diff
	go mod -C benchmarks tidy -diff
	go mod -C tools/vectors tidy -diff
	go vet -C tools/vectors ./...
	cd benchmarks && $$(cd .. && $(TOOL) -n staticcheck) -checks all,-ST1000,-ST1003 ./...
	@./tools/govulncheck.sh

fuzz:
	@./tools/fuzz.sh $(FUZZTIME)

bench:
	go test -run '^$$' -bench . -benchmem ./...

# Against other clients and the limit, on a real broker, in less than half an
# hour: let the machine do nothing else.
bench-peers:
	go run -C benchmarks . -out ../docs/benchmarks.md -data ../docs/benchmarks.json

# Which queue other clients pick for a key, as they say themselves. Needs a JDK and
# Maven; what it makes is checked in.
vectors:
	go run -C tools/vectors . -out ../../publisher/testdata/keyhash

update_watermill:
	go get -u github.com/ThreeDotsLabs/watermill
	go mod tidy
