package headers

import "math/bits"

// wordSize is how many bytes a word has.
const wordSize = 8

// word is eight bytes of a text, the first the lowest, that are looked at together.
type word uint64

// wordOf is the first word of a text, which has one. (The compiler makes one load of
// it.)
func wordOf[T string | []byte](t T) word {
	return word(t[0]) | word(t[1])<<8 | word(t[2])<<16 | word(t[3])<<24 |
		word(t[4])<<32 | word(t[5])<<40 | word(t[6])<<48 | word(t[7])<<56
}

// marks has the top bit of some of the bytes of a word.
type marks uint64

// each has a byte eight times.
func each(c byte) word { return word(c) * 0x0101010101010101 }

const tops word = 0x8080808080808080

// below marks bytes that are less than c, which is at most 0x80. What is behind the
// first of them may be marked as well.
func (w word) below(c byte) marks { return marks((w - each(c)) &^ w & tops) }

// beyondASCII marks bytes that are no ASCII.
func (w word) beyondASCII() marks { return marks(w & tops) }

// equal marks bytes that are c. What is behind the first of them may be marked as
// well.
func (w word) equal(c byte) marks { return (w ^ each(c)).below(1) }

// first is the index of the first mark, of which there is one.
func (m marks) first() int { return bits.TrailingZeros64(uint64(m)) / 8 }
