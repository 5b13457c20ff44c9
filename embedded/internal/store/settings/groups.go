package settings

import (
	"encoding/json"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Groups is subscriptionGroup.json.
type Groups struct {
	file  file
	Table map[string]headers.SubscriptionGroupConfig
}

const groupTable = "subscriptionGroupTable"

// ReadGroups reads the file of the folder dir.
func ReadGroups(dir string) (*Groups, error) {
	var table map[string]json.RawMessage
	f, err := readFile(dir, "subscriptionGroup.json", groupTable, &table)
	g := &Groups{file: f, Table: make(map[string]headers.SubscriptionGroupConfig)}
	if err != nil {
		return g, err
	}
	for name, raw := range table {
		cfg, err := headers.ParseSubscriptionGroupConfig(raw)
		if err != nil {
			return g, err
		}
		g.Table[name] = cfg
	}
	return g, nil
}

// Write writes the file.
func (g *Groups) Write() error {
	table := make(map[string]json.RawMessage, len(g.Table))
	for name, cfg := range g.Table {
		raw, err := cfg.Encode()
		if err != nil {
			return err
		}
		table[name] = raw
	}
	return writeFile(g.file, groupTable, table)
}
