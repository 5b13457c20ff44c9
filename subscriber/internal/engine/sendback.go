package engine

import (
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Remarks of an answer SYSTEM_ERROR to CONSUMER_SEND_MSG_BACK: where the copy is not stored
// as PUT_OK says, the answer has that code, and the name of the status (PutMessageStatus) as
// its remark (AbstractSendMessageProcessor.consumerSendMsgBack, 4.9.7 and 5.5.0).
var (
	// storedAll are those of a copy that is stored, and has less safety than the broker is
	// configured for.
	storedAll = [...]string{"FLUSH_DISK_TIMEOUT", "FLUSH_SLAVE_TIMEOUT", "SLAVE_NOT_AVAILABLE"}
	// passingAll are those of a broker that will take the copy later.
	passingAll = [...]string{
		"OS_PAGE_CACHE_BUSY", "OS_PAGECACHE_BUSY", "SERVICE_NOT_AVAILABLE",
		"CREATE_MAPPED_FILE_FAILED", "CREATE_MAPEDFILE_FAILED", "IN_SYNC_REPLICAS_NOT_ENOUGH",
	}
)

// SentBack returns the error of CONSUMER_SEND_MSG_BACK, nil if the broker has stored the copy
// all the same: to send the message again would make two of it.
func SentBack(err error) error {
	if hasRemark(err, storedAll[:]) {
		return nil
	}
	return err
}

// IsPassing reports whether the error of CONSUMER_SEND_MSG_BACK says that the broker is busy,
// or cannot store for now, though its code is SYSTEM_ERROR.
func IsPassing(err error) bool { return hasRemark(err, passingAll[:]) }

// hasRemark looks at an answer alone: an error that wraps one is of another request.
func hasRemark(err error, remarks []string) bool {
	status, ok := err.(*headers.StatusError)
	return ok && status.Code == headers.SystemError && slices.Contains(remarks, status.Remark)
}
