package filters

import (
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/sql92"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// versionMatching is the first that knows CONTAINS, STARTSWITH and ENDSWITH.
const versionMatching = headers.Version5_1_3

// Compile reads an expression that is not of tags, as a broker of a version does. It is not
// ok if that fails.
func Compile(kind, expression string, v headers.Version) (f Filter, ok bool) {
	if kind != headers.ExpressionSQL92 {
		return Filter{}, false
	}
	e, err := sql92.Parse(expression, v >= versionMatching)
	if err != nil {
		return Filter{}, false
	}
	return SQL92(e), true
}
