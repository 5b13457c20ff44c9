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
// switch behaviour by it.
type Version int32

// Versions with a meaning for this project.
const (
	// Version4_9_4 is the first that a name server answers with standard JSON
	// without being asked to.
	Version4_9_4 Version = 401
	Version4_9_7 Version = 407
	// Version5_0_0 brought timer messages, namespaces v2 and message types.
	Version5_0_0 Version = 413
	// Version5_1_1 brought the attempt id of ordered pops.
	Version5_1_1 Version = 435
	// Version5_1_3 brought BATCH_ACK_MESSAGE.
	Version5_1_3 Version = 439
	// Version5_1_4 is the first whose pops start a young queue at its first message,
	// wherever a new group is to start.
	Version5_1_4 Version = 441
	// Version5_2_0 is the first that resets offsets in the broker, and that takes POP_CK
	// off what a producer sends. It brought retry topics v2.
	Version5_2_0 Version = 453
	// Version5_3_0 brought ACL 2.0.
	Version5_3_0 Version = 473
	// Version5_3_1 is the last of clients that no broker answers GO_AWAY.
	Version5_3_1 Version = 475
	// Version5_3_2 is the first whose brokers go by enableMixedMessageType.
	Version5_3_2 Version = 477
	// Version5_3_3 brought recall, and the switch of brokers for it.
	Version5_3_3 Version = 479
	// Version5_4_0 is the first that leaves the messages of a batch their own properties.
	Version5_4_0 Version = 493
	// Version5_5_0 is what this client says it is.
	Version5_5_0 Version = 513
)
