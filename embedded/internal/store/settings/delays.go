package settings

// Delays is delayOffset.json: by level the next message of its queue that is to be delivered.
type Delays struct {
	file  file
	Table map[int]int64
}

// ReadDelays reads the file of the folder dir.
func ReadDelays(dir string) (*Delays, error) {
	d := &Delays{Table: make(map[int]int64)}
	var err error
	d.file, err = readFile(dir, "delayOffset.json", offsetTable, &d.Table)
	return d, err
}

// Write writes the file.
func (d *Delays) Write() error { return writeFile(d.file, offsetTable, d.Table) }
