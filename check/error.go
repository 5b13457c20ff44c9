package check

// Error is a bad item as an error.
type Error struct{ Item Item }

// Error tells the item and the advice.
func (e *Error) Error() string {
	text := "check: " + e.Item.String()
	if e.Item.Advice != "" {
		text += ": " + e.Item.Advice
	}
	return text
}

// Unwrap returns the error behind the item, nil if there is none.
func (e *Error) Unwrap() error { return e.Item.Err }
