//go:build race

package consumers

// raceDetector says that rocketmq-client-go has to be left out, in which it finds
// something.
const raceDetector = true
