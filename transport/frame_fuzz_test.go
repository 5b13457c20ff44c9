package transport

import (
	"bufio"
	"bytes"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// FuzzReadFrame reads frames from a stream in which anything may come. It checks
// that no frame is larger than allowed, that the reader stops where a frame
// ends, that nothing depends on how the stream is cut into reads, and that every
// end is told apart: io.EOF between frames only.
func FuzzReadFrame(f *testing.F) {
	const most = 4 << 10
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole := frameReader{in: bufio.NewReader(bytes.NewReader(stream)), most: most}
		pieces := frameReader{in: bufio.NewReaderSize(iotest.OneByteReader(bytes.NewReader(stream)), 16), most: most}
		rest := stream
		for {
			cmd, err := whole.next()
			same, sameErr := pieces.next()
			require.Equal(t, cmd, same)
			require.Equal(t, err, sameErr)
			if err != nil {
				require.Equal(t, len(rest) == 0, err == io.EOF)
				require.Zero(t, cmd)
				return
			}
			size, err := headers.FrameSize([headers.FrameLengthSize]byte(rest), most)
			require.NoError(t, err)
			require.LessOrEqual(t, len(cmd.Body), size)
			rest = rest[headers.FrameLengthSize+size:]
		}
	})
}
