//go:build !race

package readback

// raceDetector is off.
const raceDetector = false
