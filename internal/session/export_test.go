package session

// HeartbeatBody is what heartbeats say now, nil if there is nobody to speak for.
func (s *Session) HeartbeatBody() []byte { return s.heartbeatBody() }
