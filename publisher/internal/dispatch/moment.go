package dispatch

import "time"

// Moment is a point in time, as the time since an Engine was made. Moments are compared
// and subtracted for each message, for which a time.Time is too slow.
type Moment = time.Duration
