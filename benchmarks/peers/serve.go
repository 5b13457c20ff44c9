package peers

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/load"
)

// Reply is what a candidate's process writes for each task: a sample or an error.
type Reply struct {
	Sample *load.Sample `json:"sample,omitempty"`
	Err    string       `json:"err,omitempty"`
}

// Serve reads tasks, one JSON object a line, runs each and writes a Reply in a
// line. It ends when in does.
func Serve(ctx context.Context, peer Peer, in io.Reader, out io.Writer) error {
	answers := json.NewEncoder(out)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var task load.Task
		if err := json.Unmarshal(lines.Bytes(), &task); err != nil {
			return errors.Join(fmt.Errorf("peers: task: %w", err), peer.Close())
		}
		var r Reply
		if s, err := peer.Run(ctx, task); err != nil {
			r.Err = err.Error()
		} else {
			r.Sample = &s
		}
		if err := answers.Encode(r); err != nil {
			return errors.Join(fmt.Errorf("peers: reply: %w", err), peer.Close())
		}
	}
	return errors.Join(lines.Err(), peer.Close())
}
