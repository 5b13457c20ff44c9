package rounds

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Dice is a source of random choices that goroutines share.
type Dice struct {
	mu sync.Mutex
	r  *rand.Rand
}

// NewDice returns the Dice of a seed.
func NewDice(seed uint64) *Dice { return &Dice{r: rand.New(rand.NewPCG(seed, 0))} }

// N returns a number from 0 up to n.
func (d *Dice) N(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.IntN(n)
}

// One reports true in one of n cases.
func (d *Dice) One(n int) bool { return d.N(n) == 0 }

// UpTo returns a time shorter than most.
func (d *Dice) UpTo(most time.Duration) time.Duration { return time.Duration(d.N(int(most))) }
