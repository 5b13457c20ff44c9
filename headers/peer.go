package headers

import "strconv"

// Serialization is the type byte of a frame: how its header is written.
type Serialization byte

// The two serializations of RocketMQ (org.apache.rocketmq.remoting.protocol.SerializeType).
const (
	// JSON headers carry every request code.
	JSON Serialization = 0
	// Binary headers ("ROCKETMQ") are shorter and cheaper, but their code has
	// 16 bits: requests above 32767 are sent as JSON whatever was asked for.
	Binary Serialization = 1
)

// String returns "JSON" or "ROCKETMQ", RocketMQ's names.
func (s Serialization) String() string {
	switch s {
	case JSON:
		return "JSON"
	case Binary:
		return "ROCKETMQ"
	default:
		return "serialization " + strconv.Itoa(int(s))
	}
}

// Language is the peer's implementation language (org.apache.rocketmq.remoting.protocol.LanguageCode).
type Language byte

// The languages this project writes. Any other value may be read.
const (
	LanguageJava Language = 0
	LanguageGo   Language = 9
	// LanguageUnknown stands for a name or code that this package does not
	// know; it is never written.
	LanguageUnknown Language = 255
)

var languageNames = [...]string{
	"JAVA", "CPP", "DOTNET", "PYTHON", "DELPHI", "ERLANG", "RUBY", "OTHER", "HTTP", "GO", "PHP", "OMS", "RUST", "NODE_JS",
}

// String returns RocketMQ's name of the language.
func (l Language) String() string {
	if int(l) < len(languageNames) {
		return languageNames[l]
	}
	return "UNKNOWN"
}

func parseLanguage(name []byte) Language {
	for code, n := range languageNames {
		if string(name) == n {
			return Language(code)
		}
	}
	return LanguageUnknown
}

// Version is the ordinal of org.apache.rocketmq.common.MQVersion.Version. Peers
// switch behaviour by it: from 401 on a name server answers with standard JSON,
// above 475 a broker may answer GO_AWAY.
type Version int32

// Versions with a meaning for this project.
const (
	Version4_9_7 Version = 407
	Version5_0_0 Version = 413
	Version5_3_3 Version = 479
	// Version5_5_0 is what this client says it is.
	Version5_5_0 Version = 513
)
