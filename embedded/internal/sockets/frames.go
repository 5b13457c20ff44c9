package sockets

import (
	"bufio"
	"io"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const readBuffer = 64 << 10

// Frames reads frames off a connection.
type Frames struct {
	in    *bufio.Reader
	used  int    // bytes of in that the last frame took
	large []byte // memory for frames that are larger than in
}

// NewFrames reads from r.
func NewFrames(r io.Reader) *Frames { return &Frames{in: bufio.NewReaderSize(r, readBuffer)} }

// Next returns the next frame without its length. It is valid until the next
// call.
func (f *Frames) Next() ([]byte, error) {
	if _, err := f.in.Discard(f.used); err != nil {
		return nil, err
	}
	f.used = 0
	length, err := f.in.Peek(headers.FrameLengthSize)
	if err != nil {
		return nil, err
	}
	size, err := headers.FrameSize([headers.FrameLengthSize]byte(length), headers.MaxFrameSize)
	if err != nil {
		return nil, err
	}
	if total := headers.FrameLengthSize + size; total <= f.in.Size() {
		frame, err := f.in.Peek(total)
		if err != nil {
			return nil, err
		}
		f.used = total
		return frame[headers.FrameLengthSize:], nil
	}
	if _, err := f.in.Discard(headers.FrameLengthSize); err != nil {
		return nil, err
	}
	frame := f.large
	if cap(frame) < size {
		frame = make([]byte, size)
	}
	if size <= keepBuffer {
		f.large = frame
	}
	frame = frame[:size]
	_, err = io.ReadFull(f.in, frame)
	return frame, err
}

// Buffered reports whether a whole further frame has been read already.
func (f *Frames) Buffered() bool {
	rest := f.in.Buffered() - f.used
	if rest < headers.FrameLengthSize {
		return false
	}
	peeked, err := f.in.Peek(f.used + headers.FrameLengthSize)
	if err != nil {
		return false
	}
	size, err := headers.FrameSize([headers.FrameLengthSize]byte(peeked[f.used:]), headers.MaxFrameSize)
	return err == nil && rest >= headers.FrameLengthSize+size
}
