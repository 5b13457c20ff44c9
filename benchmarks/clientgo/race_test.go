//go:build race

package main

// raceDetector is on.
const raceDetector = true
