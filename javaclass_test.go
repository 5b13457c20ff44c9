package rocketmq_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

// javaClass returns a class file of a jar of RocketMQ.
func javaClass(t *testing.T, version, jar, class string) []byte {
	t.Helper()
	path, err := realbroker.ClassPath(t.Context(), version)
	require.NoError(t, err)
	opened, err := zip.OpenReader(filepath.Join(filepath.Dir(path), jar+"-"+version+".jar"))
	require.NoError(t, err)
	defer opened.Close()
	file, err := opened.Open("org/apache/rocketmq/" + class + ".class")
	require.NoError(t, err)
	defer file.Close()
	text, err := io.ReadAll(file)
	require.NoError(t, err)
	return text
}

// accPublic is ACC_PUBLIC of a method.
const accPublic = 1

// publicMethods returns the names of the public methods in a class file, as chapter 4 of the
// Java Virtual Machine Specification describes it.
func publicMethods(t *testing.T, class []byte) (names []string) {
	t.Helper()
	r := &classReader{Reader: bytes.NewReader(class)}
	r.skip(8) // magic and version
	texts := make(map[int]string)
	for i, n := 1, r.number(2); i < n; i++ {
		switch tag := r.number(1); tag {
		case 1: // Utf8
			texts[i] = string(r.bytes(r.number(2)))
		case 3, 4, 9, 10, 11, 12, 17, 18: // numbers of 4 bytes, and pairs of references
			r.skip(4)
		case 5, 6: // Long and Double have two places
			r.skip(8)
			i++
		case 7, 8, 16, 19, 20: // references
			r.skip(2)
		case 15: // MethodHandle
			r.skip(3)
		default:
			t.Fatalf("constant %d has the unknown tag %d", i, tag)
		}
		require.NoError(t, r.err)
	}
	r.skip(6)               // access, this and super
	r.skip(2 * r.number(2)) // interfaces
	for _, methods := range []bool{false, true} {
		for range r.number(2) {
			access, name := r.number(2), texts[r.number(2)]
			r.skip(2) // descriptor
			for range r.number(2) {
				r.skip(2)
				r.skip(r.number(4))
			}
			if methods && access&accPublic != 0 {
				names = append(names, name)
			}
		}
	}
	require.NoError(t, r.err)
	return names
}

// classReader reads a class file, and keeps the first error.
type classReader struct {
	*bytes.Reader
	err error
}

func (r *classReader) bytes(n int) []byte {
	if r.err == nil && n > r.Len() {
		r.err = io.ErrUnexpectedEOF
	}
	if r.err != nil {
		return nil
	}
	text := make([]byte, n)
	_, r.err = io.ReadFull(r.Reader, text)
	return text
}

func (r *classReader) skip(n int) { r.bytes(n) }

// number reads a number of 1, 2 or 4 bytes.
func (r *classReader) number(size int) int {
	whole := make([]byte, 8)
	copy(whole[8-size:], r.bytes(size))
	return int(binary.BigEndian.Uint64(whole))
}

// settersAmong returns what there are setters for.
func settersAmong(methods []string) (settings []string) {
	for _, name := range methods {
		if setting, ok := strings.CutPrefix(name, "set"); ok {
			settings = append(settings, strings.ToLower(setting[:1])+setting[1:])
		}
	}
	return settings
}
