package headers

import "fmt"

const (
	// firstNamed is 4.9.0-SNAPSHOT and lastNamed 5.9.9 (MQVersion of 5.5.0, where
	// each release takes two numbers: its snapshot and itself).
	firstNamed Version = 392
	lastNamed  Version = 611
)

// String returns the release, such as "5.5.0" or "5.5.0-SNAPSHOT"; "version 17"
// for one before 4.9.0 or after 5.9.9.
func (v Version) String() string {
	if v < firstNamed || v > lastNamed {
		return fmt.Sprintf("version %d", int32(v))
	}
	steps := int32(v - firstNamed)
	release := 490 + steps/2 // its three digits, read as one number
	name := fmt.Sprintf("%d.%d.%d", release/100, release/10%10, release%10)
	if steps%2 == 0 {
		name += "-SNAPSHOT"
	}
	return name
}

// ParseVersion returns the version of a release from 4.9.0 to 5.9.9, such as "5.5.0": what
// String returns of it. Three digits make a release, whether it ever came out or not.
func ParseVersion(release string) (Version, error) {
	for v := firstNamed + 1; v <= lastNamed; v += 2 {
		if v.String() == release {
			return v, nil
		}
	}
	return 0, fmt.Errorf("headers: version %.20q is none from 4.9.0 to 5.9.9", release)
}
