package rocketmq_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// topicRow is a row of a table of topic names: Watermill's, and what becomes of them.
var topicRow = regexp.MustCompile("(?m)^\\| (`[^|]*`) \\| (the same|`_wm_[^|]*`) \\|")

// requireTopicNames requires that the names of topics in a document's table are mapped as it
// says by default.
func requireTopicNames(t *testing.T, document string) {
	t.Helper()
	rows := topicRow.FindAllStringSubmatch(readText(t, document), -1)
	require.NotEmpty(t, rows)
	for _, row := range rows {
		for name := range strings.SplitSeq(row[1], ", ") {
			name = strings.Trim(name, "`")
			want := strings.Trim(row[2], "`")
			if want == "the same" {
				want = name
			}
			mapped, err := marshaler.EscapeTopics{}.MapTopic(name)
			require.NoError(t, err)
			require.Equal(t, want, mapped.Name)
		}
	}
}
