package problem

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// mostSaid is how many characters of what a peer said are shown.
const mostSaid = 300

// Said makes a text of a peer fit for a message: cut to 300 characters, controls and what changes
// the direction of writing escaped.
func Said(text string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		if n++; n > mostSaid {
			b.WriteString("…")
			break
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) ||
			unicode.Is(unicode.Zp, r) {
			fmt.Fprintf(&b, "\\u%04x", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Address returns a URL fit for a message: without user, query and fragment, which may hold
// credentials.
func Address(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "an address that cannot be read"
	}
	return Said((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String())
}
