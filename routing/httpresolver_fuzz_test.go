package routing_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// hostileResolver asks a server that nothing but dial knows.
func hostileResolver(dial func(ctx context.Context, network, addr string) (net.Conn, error), timeout time.Duration) routing.HTTPResolver {
	r := routing.NewHTTPResolver("http://list.test/rocketmq/nsaddr")
	r.Client = &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	r.Timeout = timeout
	return r
}

// FuzzHTTPResolver has a resolver ask a server that writes what a script says.
// Whatever that is:
//   - nothing panics, and no goroutine is left;
//   - Resolve ends within its time;
//   - the addresses are no more than 64 KiB, and none is empty;
//   - neither is the text of an error longer than that.
func FuzzHTTPResolver(f *testing.F) {
	for _, pieces := range [][]httpPiece{
		{httpOK, httpEnd, httpAddrs},
		{httpOK, httpEnd},
		{httpStatus, httpEnd, httpAddrs},
		{httpOK, httpLength, httpEnd, httpAddrs},
		{httpOK, httpChunked, httpEnd, httpChunk, httpAddrs},
		{httpOK, httpGzip, httpEnd, httpZeros},
		{httpRedirect, httpEnd},
		{httpEarly, httpEarly, httpEarly, httpOK, httpEnd, httpAddrs},
		{httpOK, httpHeader, httpFlood, httpEnd},
		{httpOK, httpEnd, httpAddrs, httpFlood, httpFlood},
		{httpOK, httpEnd, httpAddrs, httpSilence},
		{httpSilence},
		{httpPause, httpOK, httpPause, httpPause, httpEnd, httpPause, httpAddrs},
		{httpText, httpEnd},
	} {
		for _, arg := range []byte{3, 200} {
			var script []byte
			for _, piece := range pieces {
				script = append(script, byte(piece), arg)
			}
			f.Add(script)
		}
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		synctest.Test(t, func(t *testing.T) { resolveFromHostileServer(t, script) })
	})
}

func resolveFromHostileServer(t *testing.T, script []byte) {
	const timeout, most = 3 * time.Second, 64 << 10
	var wg sync.WaitGroup
	defer wg.Wait()
	over := make(chan struct{})
	defer close(over)
	r := hostileResolver(func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		wg.Go(func() { serveHTTPScript(theirs, script, over) }) // the same on each connection, as after a redirect
		return ours, nil
	}, timeout)
	began := time.Now()
	addrs, err := r.Resolve(t.Context())
	if took := time.Since(began); took > timeout {
		t.Errorf("Resolve has taken %v", took)
	}
	if (err == nil) != (len(addrs) > 0) {
		t.Errorf("%d addresses, and error %v", len(addrs), err)
	}
	size := 0
	for _, addr := range addrs {
		if addr == "" {
			t.Error("an empty address")
		}
		size += len(addr)
	}
	if size > most {
		t.Errorf("addresses of %d bytes", size)
	}
	if err != nil && len(err.Error()) > most {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

// httpPiece is a piece of an answer, or a way to keep the client waiting. Each has one
// argument.
type httpPiece byte

const (
	httpOK httpPiece = iota
	httpStatus
	httpHeader
	httpLength
	httpChunked
	httpGzip
	httpRedirect
	httpEarly
	httpEnd
	httpAddrs
	httpChunk
	httpText
	httpFlood
	httpZeros
	httpPause
	httpSilence
	httpPieces
)

// write returns the bytes of the piece. Text is what follows in the script.
func (p httpPiece) write(arg byte, text []byte) []byte {
	switch p {
	case httpOK:
		return []byte("HTTP/1.1 200 OK\r\n")
	case httpStatus:
		return fmt.Appendf(nil, "HTTP/1.%d %d %s\r\n", arg%3, int(arg)*5, text)
	case httpHeader:
		return fmt.Appendf(nil, "X-%d: %s\r\n", arg, text)
	case httpLength:
		return fmt.Appendf(nil, "Content-Length: %d\r\n", int64(int8(arg))<<(arg%64))
	case httpChunked:
		return []byte("Transfer-Encoding: chunked\r\n")
	case httpGzip:
		return []byte("Content-Encoding: gzip\r\n")
	case httpRedirect:
		return fmt.Appendf(nil, "HTTP/1.1 302 Found\r\nLocation: http://list.test/%d\r\n", arg)
	case httpEarly:
		return []byte("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
	case httpEnd:
		return []byte("\r\n")
	case httpAddrs:
		return bytes.Repeat([]byte("a:9876;"), int(arg))
	case httpChunk:
		return fmt.Appendf(nil, "%x\r\n", int(arg)<<(arg%32))
	case httpText:
		return text
	case httpFlood:
		return bytes.Repeat(append([]byte("x;"), text...), int(arg)<<4)
	case httpZeros:
		var zipped bytes.Buffer
		z := gzip.NewWriter(&zipped)
		_, _ = z.Write(make([]byte, int(arg)<<12)) // into memory
		_ = z.Close()
		return zipped.Bytes()
	default:
		return nil
	}
}

// serveHTTPScript writes the pieces of the script until the client hangs up, and hangs
// up itself when it is over.
func serveHTTPScript(nc net.Conn, script []byte, over <-chan struct{}) {
	defer nc.Close()
	var reading sync.WaitGroup
	defer reading.Wait()
	defer nc.Close()
	gone := make(chan struct{})
	reading.Go(func() {
		defer close(gone)
		for {
			if _, err := nc.Read(make([]byte, 4<<10)); err != nil {
				return
			}
		}
	})
	wait := func(d time.Duration) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-gone:
		case <-over:
		}
	}
	for len(script) >= 2 {
		piece, arg := httpPiece(script[0])%httpPieces, script[1]
		script = script[2:]
		switch piece {
		case httpPause:
			wait(time.Duration(arg) * 10 * time.Millisecond)
		case httpSilence:
			wait(time.Hour)
		}
		if _, err := nc.Write(piece.write(arg, script[:min(len(script), int(arg))])); err != nil {
			return
		}
	}
}
