package contest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Body is the kind of body that all messages of a case have.
type Body string

// The bodies.
const (
	Body128    Body = "128B"
	Body1K     Body = "1KiB"
	BodyText   Body = "8KiB-text"
	BodyRandom Body = "8KiB-random"
)

// bodies are all of them.
var bodies = []Body{Body128, Body1K, BodyText, BodyRandom}

// Content returns the bytes of the body, the same in every run.
func (b Body) Content() []byte {
	random := rand.NewChaCha8([32]byte{'w', 'm'})
	switch b {
	case Body128:
		return text(random, 128)
	case Body1K:
		return text(random, 1<<10)
	case BodyText:
		return text(random, 8<<10)
	default:
		content := make([]byte, 8<<10)
		_, _ = random.Read(content) // it never fails
		return content
	}
}

// text is a JSON document of records of the kind that services send to each
// other; zlib takes it to about a fifth.
func text(source *rand.ChaCha8, size int) []byte {
	r := rand.New(source)
	content := []byte(`{"items":[`)
	for len(content) < size {
		content = fmt.Appendf(content, `{"order":%d,"customer":"c-%06d","state":%q,"amount":%d.%02d,"currency":"EUR"},`,
			r.IntN(1e9), r.IntN(1e6), []string{"created", "paid", "shipped", "returned"}[r.IntN(4)], r.IntN(1000), r.IntN(100))
	}
	return content[:size]
}

// writeBodies writes each body into a file of its name, for the candidates.
func writeBodies(dir string) error {
	for _, b := range bodies {
		if err := os.WriteFile(b.file(dir), b.Content(), 0o644); err != nil {
			return fmt.Errorf("contest: %w", err)
		}
	}
	return nil
}

func (b Body) file(dir string) string { return filepath.Join(dir, string(b)) }
