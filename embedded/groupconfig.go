package embedded

import "github.com/watermill-rocketmq/watermill-rocketmq/headers"

// groupConfig returns the configuration of a group, which is made if need be
// (SubscriptionGroupManager.findSubscriptionGroupConfig). It is not ok if there is none
// and none may be made. The caller holds b.mu.
func (b *Broker) groupConfig(group string) (cfg headers.SubscriptionGroupConfig, ok bool) {
	if cfg, ok = b.configs[group]; ok {
		return cfg, true
	}
	if b.cluster.cfg.noGroups || !hasRoom(b.configs, group) {
		return cfg, false
	}
	cfg = headers.NewSubscriptionGroupConfig(group)
	b.configs[group] = cfg
	b.changes.Add(1)
	return cfg, true
}

// createGroup answers UPDATE_AND_CREATE_SUBSCRIPTIONGROUP.
func (b *Broker) createGroup(rq *request) answer {
	cfg, err := headers.ParseSubscriptionGroupConfig(rq.cmd.Body)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !hasRoom(b.configs, cfg.ConsumerGroup) {
		return full("consumer groups")
	}
	b.configs[cfg.ConsumerGroup] = cfg
	b.changes.Add(1)
	return answer{}
}

// describeGroup answers GET_SUBSCRIPTIONGROUP_CONFIG.
func (b *Broker) describeGroup(rq *request) answer {
	h, err := headers.ParseGroupRequest(&rq.cmd)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	b.mu.Lock()
	cfg, ok := b.configs[h.ConsumerGroup]
	b.mu.Unlock()
	if !ok {
		return refuse(headers.SubscriptionGroupNotExist, "No group in this broker. groupName: "+h.ConsumerGroup)
	}
	return encoded(cfg.Encode())
}

// CreateConsumerGroup creates a consumer group on every broker, or changes it, as mqadmin
// updateSubGroup does. A group needs that with WithoutAutoCreateGroup, or when it is to
// be other than headers.NewSubscriptionGroupConfig makes it.
func (c *Cluster) CreateConsumerGroup(cfg headers.SubscriptionGroupConfig) {
	for _, b := range c.brokers {
		b.mu.Lock()
		b.configs[cfg.ConsumerGroup] = cfg
		b.changes.Add(1)
		b.mu.Unlock()
		_ = b.saveChanges() // it is tried again
	}
}
