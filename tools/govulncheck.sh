#!/usr/bin/env bash
# Looks for known vulnerabilities. The data base is on the network: where it
# cannot be had that is said and no fault, since the code has not changed by it.
set -uo pipefail
output=$(go tool -modfile=tools/go.mod govulncheck ./... 2>&1)
status=$?
echo "$output"
if [ $status -ne 0 ] && grep -qE 'dial tcp|no such host|connection refused|i/o timeout|fetching vulnerabilities|Forbidden' <<<"$output"; then
	echo "govulncheck: SKIPPED, its data base cannot be reached" >&2
	exit 0
fi
exit $status
