package control

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"unicode"
	"unicode/utf8"
)

// The formats of payloads.
const (
	formatNone   = "none"
	formatJSON   = "json"
	formatText   = "text"
	formatBinary = "binary"
)

// How much of a payload an answer has: of one message, and of each of several.
const (
	maxPayload       = 4 << 20
	maxListedPayload = 16 << 10
)

// payloadState is the payload of a message, decompressed.
type payloadState struct {
	// Format is json for an object or an array, text for other text, binary, or none.
	Format string `json:"format"`
	// Size is that of the whole payload.
	Size int `json:"size"`
	// Text has the payload if it is text or JSON, byte for byte, Base64 if it is binary.
	Text   string `json:"text,omitempty"`
	Base64 string `json:"base64,omitempty"`
	// Truncated is set if that is only the beginning.
	Truncated bool `json:"truncated,omitempty"`
	// Error says why there is no payload: the body cannot be decompressed.
	Error string `json:"error,omitempty"`

	raw []byte // as much as there is in Text or Base64
}

// newPayload describes a payload, at most so many bytes of it.
func newPayload(payload []byte, most int) payloadState {
	p := payloadState{Format: formatOf(payload), Size: len(payload), Truncated: len(payload) > most}
	p.raw = payload
	if p.Truncated {
		p.raw = payload[:most]
	}
	switch p.Format {
	case formatBinary:
		p.Base64 = base64.StdEncoding.EncodeToString(p.raw)
	default:
		for p.Truncated && len(p.raw) > 0 && !utf8.Valid(p.raw) { // cut within a letter
			p.raw = p.raw[:len(p.raw)-1]
		}
		p.Text = string(p.raw)
	}
	return p
}

func formatOf(payload []byte) string {
	trimmed := bytes.TrimLeft(payload, " \t\r\n")
	switch {
	case len(payload) == 0:
		return formatNone
	case !isText(payload):
		return formatBinary
	case len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') && json.Valid(payload):
		return formatJSON
	}
	return formatText
}

// isText reports whether a payload has nothing but letters and white space.
func isText(payload []byte) bool {
	for rest := payload; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if r == utf8.RuneError && size <= 1 || unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
		rest = rest[size:]
	}
	return true
}

// Bounds of what a page shows of a payload.
const (
	maxShownText = 256 << 10
	maxShownHex  = 8 << 10
)

// shownPayload is a payload as a page shows it.
type shownPayload struct {
	Label, Text string
	// Rest is how many bytes are not shown.
	Rest int
}

func (p *payloadState) shown() shownPayload {
	switch p.Format {
	case formatNone:
		return shownPayload{}
	case formatJSON:
		var indented bytes.Buffer
		if len(p.raw) <= maxShownText && !p.Truncated && json.Indent(&indented, p.raw, "", "  ") == nil {
			return shownPayload{"JSON", indented.String(), 0}
		}
	case formatBinary:
		part := p.raw[:min(len(p.raw), maxShownHex)]
		return shownPayload{"binary, in hex", hex.Dump(part), p.Size - len(part)}
	}
	part := p.raw[:min(len(p.raw), maxShownText)]
	return shownPayload{"text", string(bytes.ToValidUTF8(part, nil)), p.Size - len(part)}
}

// Preview is the beginning of a payload in one line.
func (p *payloadState) Preview() string {
	switch {
	case p.Error != "":
		return p.Error
	case p.Format == formatBinary:
		return hex.EncodeToString(p.raw[:min(len(p.raw), 48)])
	}
	return short(p.Text)
}
