package headers_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func TestStatusError(t *testing.T) {
	err := error(&headers.StatusError{Code: headers.TopicNotExist, Remark: "topic[t] not exist"})
	require.EqualError(t, err, "answered TOPIC_NOT_EXIST (17): topic[t] not exist")
	require.EqualError(t, &headers.StatusError{Code: 2018}, "answered 2018 (2018)")

	wrapped := fmt.Errorf("publish: %w", err)
	require.ErrorIs(t, wrapped, &headers.StatusError{Code: headers.TopicNotExist}, "the remark does not matter")
	require.NotErrorIs(t, wrapped, &headers.StatusError{Code: headers.SystemError, Remark: "topic[t] not exist"})
	require.NotErrorIs(t, wrapped, headers.ErrMalformed)
	require.NotErrorIs(t, headers.ErrMalformed, err)
	require.NotErrorIs(t, &headers.StatusError{}, errors.New("other"))

	var status *headers.StatusError
	require.ErrorAs(t, wrapped, &status)
	require.Same(t, err, status)
}

func TestCommandErr(t *testing.T) {
	c := headers.Command{Remark: []byte("not set any response code")}
	require.NoError(t, c.Err())

	remark := []byte("system busy")
	c = headers.Command{Code: int32(headers.SystemBusy), Remark: remark}
	err := c.Err()
	clear(remark)
	require.Equal(t, &headers.StatusError{Code: headers.SystemBusy, Remark: "system busy"}, err, "the error outlives the frame")

	c = headers.Command{Code: -1}
	require.ErrorIs(t, c.Err(), &headers.StatusError{Code: -1})
}

// Errors are kept and logged, so what a peer can put into one is bounded.
func TestLongRemarkIsCut(t *testing.T) {
	for name, tc := range map[string]struct{ remark, want string }{
		"a stack trace": {strings.Repeat("at org.apache.rocketmq\n", 170), strings.Repeat("at org.apache.rocketmq\n", 170)},
		"too long":      {strings.Repeat("x", 5000), strings.Repeat("x", 4096) + "... (904 bytes more)"},
		"within a rune": {"xx" + strings.Repeat("\u20ac", 2000), "xx" + strings.Repeat("\u20ac", 1364) + "... (1908 bytes more)"},
		"no text":       {strings.Repeat("\x80", 8<<20), strings.Repeat("\x80", 4092) + "... (8384516 bytes more)"},
	} {
		t.Run(name, func(t *testing.T) {
			c := headers.Command{Code: int32(headers.SystemError), Remark: []byte(tc.remark)}
			var status *headers.StatusError
			require.ErrorAs(t, c.Err(), &status)
			require.Equal(t, tc.want, status.Remark)
		})
	}
}

// An error is one line of printable text, whatever the peer says.
func TestStatusErrorIsPrintable(t *testing.T) {
	for remark, want := range map[string]string{
		"one\ntwo\r\n\tthree":       "one two three",
		"\x1b[2J\x1b]0;title\a":     `\x1b[2J\x1b]0;title\a`,
		"topic \"a\\b\" \u20ac":     "topic \"a\\b\" \u20ac",
		"\x00\x7f\xff\xc3":          `\x00\x7f\xff\xc3`,
		"\u202eabc\ufeff\ufffd":     `\u202eabc\ufeff` + "\ufffd",
		"\U000e0001 \u0085 \u2028x": `\U000e0001 x`,
	} {
		err := &headers.StatusError{Code: headers.SystemError, Remark: remark}
		require.EqualError(t, err, "answered SYSTEM_ERROR (1): "+want)
	}
}

func TestErrorsAreApart(t *testing.T) {
	require.NotErrorIs(t, headers.ErrMalformed, headers.ErrTooLarge)
	var property *headers.PropertyError
	err := fmt.Errorf("marshal: %w", headers.Property{Name: "n"}.Check())
	require.ErrorAs(t, err, &property)
	require.EqualError(t, property, `message property "n" has an empty value`)
}
