package realbroker

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"time"
)

// session is a running process that is talked to: a witness, or a clientgo.
type session struct {
	process *process
	in      io.WriteCloser
	outFile *os.File
	out     *bufio.Reader
}

// doneLine ends the output of each command.
var doneLine = []byte(`{"done":true}`)

func startSession(name string, cmd *exec.Cmd, logPath string) (*session, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	// Not StdoutPipe: waiting for the process, which begins at once, closes that
	// one under the reader.
	read, write, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	cmd.Stdout = write
	p, err := startProcess(name, cmd, logPath)
	// The child has its own; with ours gone, the end of the child is the end of
	// the stream.
	write.Close()
	if err != nil {
		return nil, errors.Join(err, read.Close())
	}
	return &session{process: p, in: in, outFile: read, out: bufio.NewReaderSize(read, 1<<16)}, nil
}

// exchange sends a command and returns its output. After an error the session
// is of no more use.
func (s *session) exchange(request []byte) ([]byte, error) {
	// Killing it is what ends a read from a process that hangs.
	timer := time.AfterFunc(witnessPatience, func() { _ = s.process.cmd.Process.Kill() })
	defer timer.Stop()
	if _, err := s.in.Write(request); err != nil {
		return nil, err
	}
	var out []byte
	for {
		line, err := s.out.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		if bytes.Equal(bytes.TrimRight(line, "\r\n"), doneLine) {
			return out, nil
		}
		out = append(out, line...)
	}
}

func (s *session) close() error {
	err := s.process.kill()
	// The process's end has closed our end of its input.
	return errors.Join(err, s.outFile.Close())
}
