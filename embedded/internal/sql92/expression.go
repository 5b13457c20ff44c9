package sql92

// Expression selects messages by their properties. It is safe for concurrent use.
type Expression struct{ root node }

// Selects reports whether a message with these properties is selected
// (ExpressionMessageFilter.isMatchedByCommitLog).
func (e *Expression) Selects(p Properties) bool {
	v, err := e.root.eval(p)
	return err == nil && isTrue(v)
}
