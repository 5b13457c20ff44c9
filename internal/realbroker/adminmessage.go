package realbroker

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"
)

// AdminMessage is a message as mqadmin prints it.
type AdminMessage struct {
	OffsetMsgID, Topic string
	// Tags and Keys are without the brackets that mqadmin puts around them.
	Tags, Keys     string
	QueueID        int32
	QueueOffset    int64
	ReconsumeTimes int32
	// Properties is Java's text of the map.
	Properties string
	Body       []byte
}

// AdminMessageByID returns the message with an offset message id, by mqadmin
// queryMsgById. The topic may be a dead-letter topic, %DLQ%group.
func (c *Cluster) AdminMessageByID(t testing.TB, topic, offsetMsgID string) AdminMessage {
	t.Helper()
	args := []string{"queryMsgById", "-i", offsetMsgID}
	if !c.cfg.before(5, 3) {
		args = append(args, "-t", topic)
	}
	m, err := parseAdminMessage(c.Admin(t, args...))
	if err != nil {
		t.Fatal(exported(err))
	}
	return m
}

// parseAdminMessage also takes the body out of the file that mqadmin writes it to,
// outside of its home.
func parseAdminMessage(text string) (AdminMessage, error) {
	all := fields(text)
	body, err := os.ReadFile(all["Message Body Path"])
	if err != nil {
		return AdminMessage{}, errors.Join(errors.New("mqadmin found no message:\n"+text), err)
	}
	if err := os.Remove(all["Message Body Path"]); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return AdminMessage{}, err
	}
	m := AdminMessage{
		OffsetMsgID: all["OffsetID"], Topic: all["Topic"], Properties: all["Properties"], Body: body,
		Tags: strings.Trim(all["Tags"], "[]"), Keys: strings.Trim(all["Keys"], "[]"),
	}
	queue, err1 := strconv.ParseInt(all["Queue ID"], 10, 32)
	offset, err2 := strconv.ParseInt(all["Queue Offset"], 10, 64)
	reconsumed, err3 := strconv.ParseInt(all["Reconsume Times"], 10, 32)
	m.QueueID, m.QueueOffset, m.ReconsumeTimes = int32(queue), offset, int32(reconsumed)
	return m, errors.Join(err1, err2, err3)
}

// AdminKey is a line of mqadmin queryMsgByKey.
type AdminKey struct {
	// MsgID is the unique id that the sender gave.
	MsgID       string
	QueueID     int32
	QueueOffset int64
}

// AdminMessagesByKey returns the messages with a key, by mqadmin queryMsgByKey, which
// knows of a message a moment after it was stored. The topic may be a dead-letter topic,
// %DLQ%group.
func (c *Cluster) AdminMessagesByKey(t testing.TB, topic, key string) []AdminKey {
	t.Helper()
	keys, err := parseKeys(c.Admin(t, "queryMsgByKey", "-t", topic, "-k", key))
	if err != nil {
		t.Fatal(exported(err))
	}
	return keys
}

func parseKeys(text string) ([]AdminKey, error) {
	rows, err := tableWith(text, "#Message ID")
	if err != nil {
		return nil, err
	}
	keys := make([]AdminKey, len(rows))
	for i, row := range rows {
		queue, err1 := rows.number(i, "#QID")
		offset, err2 := rows.number(i, "#Offset")
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		keys[i] = AdminKey{row["#Message ID"], int32(queue), offset}
	}
	return keys, nil
}
