package folder

import (
	"encoding/json"
	"fmt"
)

// Unmarshal is json.Unmarshal for what RocketMQ writes: fastjson leaves the keys of maps
// without quotes where they are numbers, as in {0:3,1:5}.
func Unmarshal(data []byte, v any) error {
	if err := json.Unmarshal(quoteKeys(data), v); err != nil {
		return fmt.Errorf("folder: JSON: %w", err)
	}
	return nil
}

// quoteKeys puts quotes around keys that are numbers.
func quoteKeys(data []byte) []byte {
	out := make([]byte, 0, len(data)+len(data)/8)
	for i := 0; i < len(data); {
		c := data[i]
		switch {
		case c == '"':
			end := stringEnd(data, i)
			out = append(out, data[i:end]...)
			i = end
		case c == '{' || c == ',':
			out = append(out, c)
			i++
			key, end := numberKey(data, i)
			if key != nil {
				out = append(append(append(out, '"'), key...), '"')
				i = end
			}
		default:
			out = append(out, c)
			i++
		}
	}
	return out
}

// stringEnd returns the place behind the string that begins at i.
func stringEnd(data []byte, i int) int {
	for i++; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(data)
}

// numberKey returns the number that is next, if a colon follows it, and the place behind it.
func numberKey(data []byte, i int) (key []byte, end int) {
	i = skipSpace(data, i)
	start := i
	if i < len(data) && data[i] == '-' {
		i++
	}
	digits := i
	for i < len(data) && data[i] >= '0' && data[i] <= '9' {
		i++
	}
	if at := skipSpace(data, i); i > digits && at < len(data) && data[at] == ':' {
		return data[start:i], i
	}
	return nil, 0
}

func skipSpace(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\t' || data[i] == '\n' || data[i] == '\r') {
		i++
	}
	return i
}
