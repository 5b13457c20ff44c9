package check_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/check"
)

var errBroken = errors.New("broken")

func report() check.Report {
	return check.Report{Took: 1234567 * time.Nanosecond, Items: []check.Item{
		{Aspect: check.NameServer, Subject: "n:1", Status: check.OK, Reason: "answers", Took: 123456 * time.Nanosecond},
		{Aspect: check.Topic, Subject: "t", Status: check.Bad, Reason: "is broken", Advice: "mend it", Err: errBroken},
		{Aspect: check.AutoCreate, Subject: "b b:1", Status: check.Warning, Reason: "on", Advice: "switch it off"},
		{Aspect: check.Clock, Subject: "b b:1", Reason: "no answer"},
		{Aspect: check.Broker, Subject: "c c:1", Status: check.Bad, Reason: "hangs"},
	}}
}

func TestReportText(t *testing.T) {
	require.Equal(t, `RocketMQ check: 1 ok, 1 warning, 2 bad, 1 unknown (1.2ms)
ok       name server         n:1: answers (120µs)
BAD      topic               t: is broken
                             -> mend it
warning  auto-create         b b:1: on
                             -> switch it off
unknown  clock               b b:1: no answer
BAD      broker              c c:1: hangs`, report().String())
	require.Equal(t, "RocketMQ check: 0 ok, 0 warnings, 0 bad, 0 unknown", check.Report{}.String())
}

// Bad items alone are errors, each with its cause.
func TestReportErr(t *testing.T) {
	err := report().Err()
	require.EqualError(t, err, "check: topic t: is broken: mend it\ncheck: broker c c:1: hangs")
	require.ErrorIs(t, err, errBroken)
	var first *check.Error
	require.ErrorAs(t, err, &first)
	require.Equal(t, report().Items[1], first.Item)
	require.NoError(t, report().Without(check.Topic, check.Broker).Err())
	require.NoError(t, check.Report{}.Err())
}

// Without leaves the report that it is called on as it is.
func TestReportWithout(t *testing.T) {
	all := report()
	without := all.Without(check.Topic)
	require.Equal(t, 1, without.Count(check.Bad))
	require.Equal(t, report(), all)
	require.Equal(t, []check.Item{all.Items[2]}, without.Warnings())
	require.Equal(t, all.Took, without.Took)
}
