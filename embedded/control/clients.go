package control

import "net/http"

// clientState is one connection of a client to a broker.
type clientState struct {
	Server         string   `json:"server"`
	Addr           string   `json:"addr"`
	ClientID       string   `json:"clientId,omitempty"`
	Language       string   `json:"language,omitempty"`
	Version        string   `json:"version,omitempty"`
	ProducerGroups []string `json:"producerGroups"`
	ConsumerGroups []string `json:"consumerGroups"`
}

// clientList is the answer to GET /v1/clients.
type clientList struct {
	Clients []clientState `json:"clients"`
}

func (h *Handler) clients() clientList {
	list := clientList{Clients: []clientState{}}
	for _, b := range h.cluster.Brokers() {
		for _, c := range b.Clients() {
			s := clientState{
				Server: c.Server, Addr: c.Addr, ClientID: c.ClientID, Language: c.Language,
				ProducerGroups: append([]string{}, c.ProducerGroups...), ConsumerGroups: append([]string{}, c.ConsumerGroups...),
			}
			if c.ClientID != "" {
				s.Version = c.Version.String()
			}
			list.Clients = append(list.Clients, s)
		}
	}
	return list
}

func (h *Handler) getClients(c *call) error { return reply(c, http.StatusOK, h.clients()) }
