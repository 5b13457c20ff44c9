//go:build race

package readback

// raceDetector is on.
const raceDetector = true
