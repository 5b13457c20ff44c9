package contest

import (
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/growth"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/idle"
)

// Report is all that a run found.
type Report struct {
	Machine      Machine        `json:"machine"`
	Date         time.Time      `json:"date"`
	Took         time.Duration  `json:"took"`
	Rounds       int            `json:"rounds"`
	Length       time.Duration  `json:"length"`
	Warm         []WarmPoint    `json:"warm,omitempty"`
	WarmMessages int64          `json:"warmMessages,omitempty"`
	WarmTime     time.Duration  `json:"warmTime,omitempty"`
	StoreLimit   int64          `json:"storeLimit"`
	StorePeak    int64          `json:"storePeak"`
	Results      Results        `json:"results"`
	Idle         *idle.Cost     `json:"idle,omitempty"`
	Growth       []growth.Point `json:"growth,omitempty"`
	Verdicts     []Verdict      `json:"verdicts"`
}
