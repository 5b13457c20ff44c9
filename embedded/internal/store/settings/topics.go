package settings

// Topic is the configuration of a topic (TopicConfig).
type Topic struct {
	Name        string            `json:"topicName"`
	ReadQueues  int               `json:"readQueueNums"`
	WriteQueues int               `json:"writeQueueNums"`
	Perm        int               `json:"perm"`
	FilterType  string            `json:"topicFilterType"`
	SysFlag     int               `json:"topicSysFlag"`
	Order       bool              `json:"order"`
	Attributes  map[string]string `json:"attributes,omitempty"` // none in 4.9
}

// Topics is topics.json.
type Topics struct {
	file  file
	Table map[string]Topic
}

const topicTable = "topicConfigTable"

// ReadTopics reads the file of the folder dir.
func ReadTopics(dir string) (*Topics, error) {
	t := &Topics{Table: make(map[string]Topic)}
	var err error
	t.file, err = readFile(dir, "topics.json", topicTable, &t.Table)
	return t, err
}

// Write writes the file.
func (t *Topics) Write() error {
	table := make(map[string]Topic, len(t.Table))
	for name, topic := range t.Table {
		topic.Name, topic.FilterType = name, "SINGLE_TAG"
		table[name] = topic
	}
	return writeFile(t.file, topicTable, table)
}
