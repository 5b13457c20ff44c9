package headers

// CheckClientConfig is the request CHECK_CLIENT_CONFIG, by which a client asks a broker
// whether it takes a subscription (ClientManageProcessor.checkClientConfig of 4.9.7 and
// 5.5.0). It has no fields: what it says is in the body, see CheckClientData. A broker
// without enablePropertyFilter answers SYSTEM_ERROR to an expression that is not of tags,
// and others SUBSCRIPTION_PARSE_FAILED to one that they cannot compile.
type CheckClientConfig struct{}

// RequestCode is CHECK_CLIENT_CONFIG.
func (CheckClientConfig) RequestCode() RequestCode { return CodeCheckClientConfig }

// AppendFields appends nothing.
func (CheckClientConfig) AppendFields(dst []byte, _ Serialization) []byte { return dst }

// CheckClientData is the body of CHECK_CLIENT_CONFIG, as JSON (CheckClientRequestBody of
// 5.5.0).
type CheckClientData struct {
	ClientID      string           `json:"clientId"`
	ConsumerGroup string           `json:"group"`
	Subscription  SubscriptionData `json:"subscriptionData"`
}

// Encode returns the body's bytes.
func (d *CheckClientData) Encode() ([]byte, error) { return encodeBody("client to check", *d) }

// ParseCheckClientData reads the body of CHECK_CLIENT_CONFIG.
func ParseCheckClientData(body []byte) (CheckClientData, error) {
	return parseBody[CheckClientData]("client to check", body)
}
