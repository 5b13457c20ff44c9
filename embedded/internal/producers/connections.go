package producers

// ConnectionList is the body of the answer to GET_PRODUCER_CONNECTION_LIST
// (ProducerConnection of 5.5.0).
type ConnectionList struct {
	Connections []Connection `json:"connectionSet"`
}

// Connection is one member in it.
type Connection struct {
	Addr     string `json:"clientAddr"`
	ClientID string `json:"clientId"`
	Language string `json:"language"`
	Version  int32  `json:"version"`
}

// Connections describes members, with their addresses as addr tells them.
func Connections[C comparable](members []Member[C], addr func(conn C) string) ConnectionList {
	var list ConnectionList
	for _, m := range members {
		list.Connections = append(list.Connections, Connection{addr(m.Conn), m.ClientID, m.Language.String(), int32(m.Version)})
	}
	return list
}
