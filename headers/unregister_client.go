package headers

// UnregisterClient is the header of UNREGISTER_CLIENT
// (UnregisterClientRequestHeader): a client leaves a group.
type UnregisterClient struct {
	ClientID      string
	ProducerGroup string
	ConsumerGroup string
}

// RequestCode is UNREGISTER_CLIENT.
func (h *UnregisterClient) RequestCode() RequestCode { return CodeUnregisterClient }

// AppendFields appends the client id and the groups that are set.
func (h *UnregisterClient) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendField(dst, s, "clientID", h.ClientID)
	dst = AppendField(dst, s, "producerGroup", h.ProducerGroup)
	return AppendField(dst, s, "consumerGroup", h.ConsumerGroup)
}

// ParseUnregisterClient reads the header of UNREGISTER_CLIENT. The result owns
// its memory.
func ParseUnregisterClient(c *Command) UnregisterClient {
	return UnregisterClient{
		ClientID:      c.Fields.String("clientID"),
		ProducerGroup: c.Fields.String("producerGroup"),
		ConsumerGroup: c.Fields.String("consumerGroup"),
	}
}
