package pull

import (
	"errors"
	"strconv"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// maxResets is how many resets of offsets may be under way.
const maxResets = 4

var errTooManyResets = errors.New("too many resets of offsets at once")

// Serve takes a request that a broker makes of the group: NOTIFY_CONSUMER_IDS_CHANGED,
// RESET_CONSUMER_CLIENT_OFFSET and GET_CONSUMER_RUNNING_INFO. It is the Handle of the
// member's session.RequestHandlers for these. It does not wait for anything.
func (e *Engine) Serve(request *transport.PeerRequest) {
	switch headers.RequestCode(request.Code) {
	case headers.CodeConsumerIDsChanged:
		signal(e.changed)
	case headers.CodeResetClientOffset:
		e.serveReset(request)
	case headers.CodeConsumerRunningInfo:
		e.serveRunningInfo(request)
	default:
		_ = request.Refuse() // the connection has ended, and the peer knows
	}
}

// serveReset moves the queues of this member to the offsets of an administrator.
func (e *Engine) serveReset(request *transport.PeerRequest) {
	offsets, err := headers.ParseResetOffsetData(request.Body)
	if err == nil {
		select {
		case e.resetting <- struct{}{}:
		default:
			err = errTooManyResets
		}
	}
	if err != nil {
		e.logs.groupFailed("Cannot move the consumer group as its broker says", request.Addr, err)
		_ = request.Answer(headers.SystemError, err.Error(), nil, nil) // the connection has ended, and the peer knows
		return
	}
	moves := make(map[routing.MessageQueue]int64, len(offsets.Offsets))
	for _, o := range offsets.Offsets {
		moves[routing.MessageQueue{Topic: o.Topic, BrokerName: o.BrokerName, QueueID: o.QueueID}] = o.Offset
	}
	if !e.spawn(func() {
		defer func() { <-e.resetting }()
		e.move(moves)
	}) {
		<-e.resetting
	}
	_ = request.Answer(headers.Success, "", nil, nil)
}

// spawn runs a goroutine of the engine, unless it is closed.
func (e *Engine) spawn(do func()) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.wg.Go(do)
	return true
}

// move has queues of this member read from other offsets.
func (e *Engine) move(offsets map[routing.MessageQueue]int64) {
	e.mu.Lock()
	readers := append([]*reader(nil), e.readers...)
	e.mu.Unlock()
	for _, r := range readers {
		offset, ok := offsets[r.queue]
		if !ok || offset < 0 {
			continue
		}
		if err := r.moveTo(e.ctx, offset); err != nil && e.ctx.Err() == nil {
			e.logs.failed("Cannot move a queue to the offset of an administrator", err, r.queue)
		}
	}
}

// serveRunningInfo tells an administrator what this member does.
func (e *Engine) serveRunningInfo(request *transport.PeerRequest) {
	info := headers.ConsumerRunningInfoData{
		Properties: map[string]string{
			headers.RunningConsumeType:    string(headers.ConsumePassively),
			headers.RunningStartTimestamp: strconv.FormatInt(e.started.UnixMilli(), 10),
			headers.RunningConsumeOrderly: strconv.FormatBool(e.cfg.Ordered),
			headers.RunningThreadPoolSize: "0",
			headers.RunningClientVersion:  headers.Version5_5_0.String(),
		},
		Statuses: make(map[string]headers.ConsumeStatus),
	}
	e.mu.Lock()
	for _, f := range e.fetchers {
		info.Subscriptions = append(info.Subscriptions, f.filter)
		info.Statuses[f.topic.Name] = headers.ConsumeStatus{}
	}
	for _, r := range e.readers {
		info.Queues = append(info.Queues, r.running())
	}
	e.mu.Unlock()
	body, err := info.Encode()
	if err != nil {
		_ = request.Answer(headers.SystemError, err.Error(), nil, nil) // the connection has ended, and the peer knows
		return
	}
	_ = request.Answer(headers.Success, "", nil, body)
}

// running is what an administrator is told of the queue.
func (r *reader) running() headers.RunningQueue {
	r.mu.Lock()
	p, polled := r.progress, r.polled
	r.mu.Unlock()
	info := headers.RunningQueue{
		Queue:  headers.MessageQueue{BrokerName: r.queue.BrokerName, QueueID: r.queue.QueueID, Topic: r.queue.Topic},
		Locked: r.lock != nil && r.lock.isHeld(time.Now()),
	}
	if !polled.IsZero() {
		info.LastPullTime = polled.UnixMilli()
	}
	if p == nil {
		return info
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	info.CommitOffset = max(p.confirmed, 0)
	info.CachedCount = int32(p.window.open())
	info.CachedMinOffset, info.CachedMaxOffset = p.window.lowest(), p.window.end
	return info
}
