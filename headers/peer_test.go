package headers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func TestSerializationNames(t *testing.T) {
	require.Equal(t, "JSON", headers.JSON.String())
	require.Equal(t, "ROCKETMQ", headers.Binary.String())
	require.Equal(t, "serialization 2", headers.Serialization(2).String())
}

func TestLanguageNames(t *testing.T) {
	for code, name := range oracleLanguages {
		require.Equal(t, name, headers.Language(code).String())
		c, err := headers.ParseFrame(headerFrame(headers.JSON, `{"language":"`+name+`"}`))
		require.NoError(t, err)
		require.Equal(t, headers.Language(code), c.Language)
	}
	require.Equal(t, "JAVA", headers.LanguageJava.String())
	require.Equal(t, "GO", headers.LanguageGo.String())
	require.Equal(t, "UNKNOWN", headers.Language(len(oracleLanguages)).String())
	require.Equal(t, "UNKNOWN", headers.LanguageUnknown.String())
	c, err := headers.ParseFrame(headerFrame(headers.JSON, `{"language":"UNKNOWN"}`))
	require.NoError(t, err)
	require.Equal(t, headers.LanguageUnknown, c.Language)
}

// Versions are held against what brokers of that version wrote in their answers.
func TestVersions(t *testing.T) {
	require.Equal(t, headers.Version4_9_7, mustParse(t, golden(t, "83_v497_heartbeat_resp")).Version)
	require.Equal(t, headers.Version5_5_0, mustParse(t, golden(t, "24_heartbeat_resp")).Version)
	require.Equal(t, headers.Version(413), headers.Version5_0_0)
}
