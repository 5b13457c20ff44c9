package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
)

// maxBody is how long the body of a request may be.
const maxBody = 1 << 20

// call is a request that is being answered.
type call struct {
	w    http.ResponseWriter
	r    *http.Request
	args map[string]string // of the path
}

// refusal is an error that a client is told of.
type refusal struct {
	status int
	text   string
}

func (e *refusal) Error() string { return e.text }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// refusalOf is what a client is told of an error.
func refusalOf(err error) *refusal {
	e := &refusal{http.StatusInternalServerError, err.Error()}
	errors.As(err, &e)
	return e
}

// errorBody is the body of an answer that says why not.
type errorBody struct {
	Error errorText `json:"error"`
}

type errorText struct {
	Status  int    `json:"status"`
	Message string `json:"message"`
}

// fail answers with an error.
func (c *call) fail(err error) {
	e := refusalOf(err)
	_ = reply(c, e.status, errorBody{errorText{e.status, e.text}})
}

// reply answers with JSON.
func reply[T any](c *call, status int, v T) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	c.w.WriteHeader(status)
	_, _ = c.w.Write(append(text, '\n')) // a client that is gone hears nothing
	return nil
}

// done answers a request that has nothing to say.
func (c *call) done() error {
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// decode reads a body in JSON. Without one, v stays as it is if that is allowed.
func decode[T any](c *call, v *T, optional bool) error {
	body, err := io.ReadAll(c.r.Body)
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", maxBody)
	case err != nil:
		return refuse(http.StatusBadRequest, "the body cannot be read: %v", err)
	case len(body) == 0 && optional:
		return nil
	}
	if kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, "the Content-Type has to be application/json")
	}
	return strict(body, v)
}

// strict reads JSON that has nothing but what v has.
func strict[T any](text []byte, v *T) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return refuse(http.StatusBadRequest, "the body is not what is expected: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return refuse(http.StatusBadRequest, "something follows the JSON value of the body")
	}
	return nil
}

// empty refuses a body other than none and {}.
func (c *call) empty() error { return decode(c, &struct{}{}, true) }

// number reads a number of the query, which is between bounds.
func (c *call) number(name string, otherwise, least, most int64) (int64, error) {
	text := c.r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	return parseNumber(name, text, least, most)
}

func parseNumber(name, text string, least, most int64) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		return 0, refuse(http.StatusBadRequest, "%s has to be a number from %d to %d, not %.64q", name, least, most, text)
	}
	return n, nil
}
