package routing

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// decode reads the JSON of a name server. Numeric member names may be bare,
// {0:"host:port"}: name servers before 4.9.4 write routes so, and all versions
// up to 5.5.0 write GET_BROKER_CLUSTER_INFO so (fastjson without
// QuoteFieldNames). Standard JSON is tried first and never rewritten.
func decode(body []byte, into any) error {
	if len(body) > maxBodySize {
		return fmt.Errorf("body of %d bytes, want at most %d", len(body), maxBodySize)
	}
	err := json.Unmarshal(body, into)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		if quoted := quoteBareNames(body); len(quoted) > len(body) {
			err = json.Unmarshal(quoted, into)
		}
	}
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) && len(mistyped.Value) > maxQuoted {
		mistyped.Value = mistyped.Value[:maxQuoted] + "..." // it may be as long as the body
	}
	return err
}

// quoteBareNames returns body with each bare number that stands where a member
// name belongs put in quotes. All else, strings above all, stays as it is.
func quoteBareNames(body []byte) []byte {
	quoted := make([]byte, 0, len(body)+len(body)/16)
	nameMayFollow := false // the last token was '{' or ','
	for i := 0; i < len(body); {
		end := i + 1
		switch c := body[i]; {
		case c == '"':
			end = stringEnd(body, i)
			nameMayFollow = false
		case nameMayFollow && isNumber(c):
			for end < len(body) && isNumber(body[end]) {
				end++
			}
			if rest := bytes.TrimLeft(body[end:], " \t\r\n"); len(rest) > 0 && rest[0] == ':' {
				quoted = append(quoted, '"')
				quoted = append(quoted, body[i:end]...)
				quoted = append(quoted, '"')
				i = end
			}
			nameMayFollow = false
		case c == '{' || c == ',':
			nameMayFollow = true
		case c != ' ' && c != '\t' && c != '\r' && c != '\n':
			nameMayFollow = false
		}
		quoted = append(quoted, body[i:end]...)
		i = end
	}
	return quoted
}

func isNumber(c byte) bool { return c == '-' || '0' <= c && c <= '9' }

// stringEnd returns the index behind the string that starts at body[start].
func stringEnd(body []byte, start int) int {
	for i := start + 1; i < len(body); i++ {
		switch body[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(body)
}
