package headers_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func TestStatusError(t *testing.T) {
	err := error(&headers.StatusError{Code: headers.TopicNotExist, Remark: "topic[t] not exist"})
	require.EqualError(t, err, "answered TOPIC_NOT_EXIST (17): topic[t] not exist")
	require.EqualError(t, &headers.StatusError{Code: 605}, "answered 605 (605)")

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

func TestErrorsAreApart(t *testing.T) {
	require.NotErrorIs(t, headers.ErrMalformed, headers.ErrTooLarge)
	var property *headers.PropertyError
	err := fmt.Errorf("marshal: %w", headers.Property{Name: "n"}.Check())
	require.ErrorAs(t, err, &property)
	require.EqualError(t, property, `message property "n" has an empty value`)
}
