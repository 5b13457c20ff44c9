# The verbs are those of every Watermill Pub/Sub. The tests start the brokers
# they need by themselves, so `up` only fetches what those are made of.

STRESS_TEST_COUNT ?= 10
STRESS_TIME       ?= 2m
OVERLOAD_TIME     ?= 60s
FUZZTIME          ?= 20s
TEST_TIMEOUT      ?= 120m
TOOL              := go tool -modfile=tools/go.mod

.PHONY: build up wait test test_full test_v test_short test_race test_stress fmt lint fuzz bench bench-peers bench-watermill bench-broker bench-overload vectors update_watermill

build:
	go build ./...
	go build -C _examples ./...
	go build -C benchmarks ./...
	go build -C otel ./...
	go build -C prometheus ./...
	go build -C tools/vectors -o /dev/null .

up:
	go run ./internal/realbroker/rocketmq -fetch

wait: up

# Everything: vet, all tests with the race detector, and the examples. Where Java
# and Maven are present that includes real RocketMQ brokers, and where PostgreSQL or
# MariaDB is installed that as well, and where Chromium is, the page of embedded
# clusters; REQUIRE_ROCKETMQ=1, REQUIRE_DATABASES=1 and REQUIRE_BROWSER=1 fail where
# they are not.
test:
	@go run ./internal/realbroker/rocketmq -check
	go vet ./...
	go test -race -timeout $(TEST_TIMEOUT) ./publisher ./subscriber ./... # those that take longest first
	go test -short -run 'Alloc|TestStressFaults' ./... # what does not go with the race detector
	go vet -C _examples ./...
	go test -C _examples -race -timeout 30m ./...
	go vet -C benchmarks ./...
	go test -C benchmarks -race -timeout 30m ./...
	# rocketmq-client-go does not go with the race detector
	go test -C benchmarks -timeout 30m -run '^(TestCases|TestProduceAndConsume|TestConsumedMessagesAreReadBack)$$' ./clientgo ./readback
	go vet -C otel ./...
	go test -C otel -race -timeout 30m ./...
	go vet -C prometheus ./...
	go test -C prometheus -race -timeout 30m ./...
	go test -C prometheus -run Alloc ./...
	go vet -C prometheus/dashboardtest ./...
	go test -C prometheus/dashboardtest -timeout 30m ./...
	go vet -C embedded/control/browsertest ./...
	go test -C embedded/control/browsertest -race -timeout 30m ./...

# test, and what it leaves out since it takes long: consuming on all versions of RocketMQ,
# and with faults at full length. Two hours and more.
test_full: export REQUIRE_ROCKETMQ = 1
test_full: export TEST_FULL = 1
test_full: TEST_TIMEOUT = 300m
test_full: test
	go test -timeout 60m -run '^TestSuite$$' ./subscriber # its TestReconnect does not bear -race

test_v:
	go test -race -v -timeout 60m ./...

# Without real brokers.
test_short:
	go test -short ./...

test_race:
	go test -race -short ./...

# Random loads and faults for STRESS_TIME each, every message accounted for; the name
# of a failed round is its seed, and STRESS_SEED runs it again. Then the tests without
# real brokers, over and over: what is flaky shows.
test_stress:
	STRESS_TIME=$(STRESS_TIME) go test -race -run '^TestStress' -timeout 60m ./...
	go test -race -short -count=$(STRESS_TEST_COUNT) ./...
	STRESS_TEST_COUNT=$(STRESS_TEST_COUNT) go test -race -short -tags stress -run '^TestStressSuite$$' -timeout 60m ./subscriber

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
	go mod -C otel tidy -diff
	go mod -C prometheus tidy -diff
	go mod -C prometheus/dashboardtest tidy -diff
	go mod -C embedded/control/browsertest tidy -diff
	go mod -C tools/vectors tidy -diff
	go mod -C tools tidy -diff
	go vet -C tools/vectors ./...
	go vet -C tools ./...
	go run -C tools ./knots ./publisher ./publisher/internal/dispatch
	cd benchmarks && $$(cd .. && $(TOOL) -n staticcheck) -checks all,-ST1000,-ST1003 ./...
	cd otel && $$(cd .. && $(TOOL) -n staticcheck) -checks all,-ST1000,-ST1003 ./...
	cd prometheus && $$(cd .. && $(TOOL) -n staticcheck) -checks all,-ST1000,-ST1003 ./...
	cd prometheus/dashboardtest && $$(cd ../.. && $(TOOL) -n staticcheck) -checks all,-ST1000,-ST1003 ./...
	cd embedded/control/browsertest && $$(cd ../../.. && $(TOOL) -n staticcheck) -checks all,-ST1000,-ST1003 ./...
	@./tools/govulncheck.sh

fuzz:
	@./tools/fuzz.sh $(FUZZTIME)

bench:
	go test -run '^$$' -bench . -benchmem ./...

# Against other clients and the limit, on a real broker: publishing in less than half an
# hour, consuming in less than a quarter of one. ONLY=publish or ONLY=consume runs one
# half, and leaves what the page has of the other. Let the machine do nothing else.
bench-peers:
	go run -C benchmarks . -out ../docs/benchmarks.md -data ../docs/benchmarks.json $(if $(ONLY),-only $(ONLY))

# The load of watermill-benchmark, on a real broker: all messages of a size are published,
# then all are consumed. Let the machine do nothing else.
bench-watermill:
	go run -C benchmarks ./watermill -out ../docs/benchmarks-watermill.md

# The embedded broker beside a real one: rates, processor time, opening a folder, memory.
# Three minutes, and some GiB of the disk meanwhile. Let the machine do nothing else.
bench-broker:
	go run -C benchmarks ./brokers -out ../docs/benchmarks-broker.md

# More load than a broker takes, for OVERLOAD_TIME each: on the simulated clock, and on
# a real broker.
bench-overload:
	OVERLOAD_TIME=$(OVERLOAD_TIME) go test -run '^(TestOverloadSimulated|TestBehaviourOverload)$$' -v -timeout 60m ./publisher

# Which queue other clients pick for a key, as they say themselves. Needs a JDK and
# Maven; what it makes is checked in.
vectors:
	go run -C tools/vectors . -out ../../routing/testdata/keyhash

update_watermill:
	go get -u github.com/ThreeDotsLabs/watermill
	go mod tidy
