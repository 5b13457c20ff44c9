package routing

import "math/bits"

// The key of Guava's Hashing.sipHash24(), bytes 0 to 15.
const (
	sipKey0 = 0x0706050403020100
	sipKey1 = 0x0f0e0d0c0b0a0908
)

// sipState is that of SipHash-2-4, as its authors describe it (Aumasson and
// Bernstein, 2012).
type sipState struct{ v0, v1, v2, v3 uint64 }

// sipHash is Guava's Hashing.sipHash24().hashBytes(text).asLong().
func sipHash(text string) uint64 {
	s := sipState{
		v0: sipKey0 ^ 0x736f6d6570736575,
		v1: sipKey1 ^ 0x646f72616e646f6d,
		v2: sipKey0 ^ 0x6c7967656e657261,
		v3: sipKey1 ^ 0x7465646279746573,
	}
	last := uint64(len(text)) << 56
	for len(text) >= 8 {
		s.compress(littleEndian(text[:8]))
		text = text[8:]
	}
	s.compress(last | littleEndian(text))
	s.v2 ^= 0xff
	for range 4 {
		s.round()
	}
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3
}

func (s *sipState) compress(word uint64) {
	s.v3 ^= word
	s.round()
	s.round()
	s.v0 ^= word
}

func (s *sipState) round() {
	s.v0 += s.v1
	s.v1 = bits.RotateLeft64(s.v1, 13) ^ s.v0
	s.v0 = bits.RotateLeft64(s.v0, 32)
	s.v2 += s.v3
	s.v3 = bits.RotateLeft64(s.v3, 16) ^ s.v2
	s.v0 += s.v3
	s.v3 = bits.RotateLeft64(s.v3, 21) ^ s.v0
	s.v2 += s.v1
	s.v1 = bits.RotateLeft64(s.v1, 17) ^ s.v2
	s.v2 = bits.RotateLeft64(s.v2, 32)
}

// littleEndian reads up to eight bytes as a number, the lowest first.
func littleEndian(text string) (word uint64) {
	for i := range len(text) {
		word |= uint64(text[i]) << (8 * i)
	}
	return word
}
