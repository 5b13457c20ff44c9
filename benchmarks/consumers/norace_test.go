//go:build !race

package consumers

// raceDetector is off.
const raceDetector = false
