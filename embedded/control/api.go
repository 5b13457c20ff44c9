package control

import (
	"net/http"
)

// api are the paths of JSON. docs/control.md describes them.
func (h *Handler) api() []route {
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	return []route{
		{"/v1/cluster", map[string]endpoint{get: h.getCluster}},
		{"/v1/cluster/reset", map[string]endpoint{post: h.reset}},
		{"/v1/clock/advance", map[string]endpoint{post: h.advance}},
		{"/v1/brokers/{broker}/start", map[string]endpoint{post: h.onBroker(startBroker)}},
		{"/v1/brokers/{broker}/stop", map[string]endpoint{post: h.onBroker(stopBroker)}},
		{"/v1/brokers/{broker}/kill", map[string]endpoint{post: h.onBroker(killBroker)}},
		{"/v1/brokers/{broker}/drop-connections", map[string]endpoint{post: h.dropConnections}},
		{"/v1/brokers/{broker}/condition", map[string]endpoint{put: h.setCondition}},
		{"/v1/nameservers/{server}/start", map[string]endpoint{post: h.onNameServer(startNameServer)}},
		{"/v1/nameservers/{server}/stop", map[string]endpoint{post: h.onNameServer(stopNameServer)}},
		{"/v1/topics", map[string]endpoint{get: h.getTopics}},
		{"/v1/topics/{topic}", map[string]endpoint{get: h.getTopic, put: h.putTopic, del: h.deleteTopic}},
		{"/v1/topics/{topic}/messages", map[string]endpoint{get: h.getQueue}},
		{"/v1/topics/{topic}/messages/{broker}/{queue}/{offset}", map[string]endpoint{get: h.getMessage}},
		{"/v1/messages", map[string]endpoint{get: h.findMessages}},
		{"/v1/groups", map[string]endpoint{get: h.getGroups}},
		{"/v1/groups/{group}", map[string]endpoint{get: h.getGroup}},
		{"/v1/clients", map[string]endpoint{get: h.getClients}},
		{"/v1/rates", map[string]endpoint{get: h.getRates}},
		{"/v1/faults", map[string]endpoint{get: h.getFaults, post: h.addFault, del: h.removeFaults}},
		{"/v1/faults/{fault}", map[string]endpoint{get: h.getFault, del: h.removeFault}},
	}
}
