package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// One side that speaks TLS and one that does not part before the first answer,
// with an error that could mean anything. So errors of that moment ask whether it
// is that.

// speaksTLS adds the question to the error of a handshake whose server hung up, or
// answered what is not TLS. asked says that it has asked for a certificate, and so
// does speak TLS.
func speaksTLS(err error, asked bool) error {
	var garbage tls.RecordHeaderError
	var op *net.OpError
	hungUp := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, &op) && (op.Op == "read" || op.Op == "write") && !op.Timeout()
	if asked || !hungUp && !errors.As(err, &garbage) {
		return err
	}
	return fmt.Errorf("%w (does the server speak TLS?)", err)
}

// wantsTLS adds the question to the error with which a plain connection ended, if
// nothing was read from it.
func (cn *conn) wantsTLS(err error) error {
	if _, secure := cn.nc.(*tls.Conn); secure || cn.hasHeard() || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return fmt.Errorf("before the first answer (does the server want TLS?): %w", err)
}

// isAlert reports whether what should be the length of a frame is the beginning of
// an alert, with which many servers turn down what is not TLS. It is far beyond
// any length.
func isAlert(length [headers.FrameLengthSize]byte) bool {
	const alert, majorVersion = 21, 3
	return length[0] == alert && length[1] == majorVersion
}
