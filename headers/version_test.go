package headers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// The numbers are the ordinals in MQVersion.java.
func TestVersionString(t *testing.T) {
	for v, want := range map[headers.Version]string{
		391: "version 391",
		392: "4.9.0-SNAPSHOT",
		393: "4.9.0",
		401: "4.9.4",
		407: "4.9.7",
		411: "4.9.9",
		412: "5.0.0-SNAPSHOT",
		413: "5.0.0",
		441: "5.1.4",
		473: "5.3.0",
		475: "5.3.1",
		477: "5.3.2",
		479: "5.3.3",
		513: "5.5.0",
		611: "5.9.9",
		612: "version 612",
		0:   "version 0",
		-1:  "version -1",
	} {
		require.Equal(t, want, v.String())
	}
}

func TestParseVersion(t *testing.T) {
	for v := headers.Version(393); v <= 611; v += 2 {
		parsed, err := headers.ParseVersion(v.String())
		require.NoError(t, err)
		require.Equal(t, v, parsed)
	}
	for _, bad := range []string{"", "5", "5.5", "5.5.0-SNAPSHOT", "4.8.0", "6.0.0", "5.10.0", " 5.5.0", "v5.5.0", "version 17"} {
		_, err := headers.ParseVersion(bad)
		require.Error(t, err, bad)
	}
}
