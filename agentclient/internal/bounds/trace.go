package bounds

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Trace is what the traceparent header says (W3C Trace Context, version 00): lower case hex of 16
// and 8 bytes, neither all zero. Sampled is the flag of the one who records; who records nothing
// passes on what came, and does not set it.
type Trace struct {
	TraceID, SpanID string
	Sampled         bool
}

// NewTrace begins a trace.
func NewTrace() Trace { return Trace{TraceID: random(16), SpanID: random(8)} }

// Next is the same trace with another span: each request has its own.
func (t Trace) Next() Trace {
	t.SpanID = random(8)
	return t
}

// random is lower case hex of so many random bytes. Reading them cannot fail: crypto/rand ends the
// process if the system has none.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	b[n-1] |= 1 // all zero means that there is none
	return hex.EncodeToString(b)
}

// String is the value of the header.
func (t Trace) String() string {
	flags := "00"
	if t.Sampled {
		flags = "01"
	}
	return "00-" + t.TraceID + "-" + t.SpanID + "-" + flags
}

// ParseTrace reads a value of the header. Of versions after 00 the first four parts are read, as
// the recommendation has it.
func ParseTrace(text string) (Trace, error) {
	if len(text) > 512 {
		return Trace{}, badTrace(text[:512])
	}
	parts := strings.Split(text, "-")
	if len(parts) < 4 || !isHex(parts[0], 2) || parts[0] == "ff" || !isHex(parts[1], 32) ||
		!isHex(parts[2], 16) || !isHex(parts[3], 2) || parts[0] == "00" && len(parts) != 4 {
		return Trace{}, badTrace(text)
	}
	if strings.Trim(parts[1], "0") == "" || strings.Trim(parts[2], "0") == "" {
		return Trace{}, badTrace(text)
	}
	flags, _ := hex.DecodeString(parts[3])
	return Trace{TraceID: parts[1], SpanID: parts[2], Sampled: flags[0]&1 == 1}, nil
}

func badTrace(text string) error {
	return badContext("traceparent", fmt.Sprintf("is %q", problem.Said(text)),
		"its form is 00-<32 lower case hex>-<16 lower case hex>-<2 hex>, not all zero")
}

// isHex reports whether a text is so many digits of lower case hex.
func isHex(text string, digits int) bool {
	if len(text) != digits {
		return false
	}
	for _, c := range []byte(text) {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return true
}
