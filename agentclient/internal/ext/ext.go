// Package ext is the extension mechanism of the protocol (section 4.6 of the specification) and the
// addresses of our extensions: which a request asks for, and what they write into the metadata of
// messages and artifacts.
package ext

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// ExtBase is where our extensions live. A change that breaks readers gets another version, and so
// another address; addresses are names, nothing is fetched from them.
const ExtBase = "https://github.com/ruvector/ruvector-arrow/a2a/ext"

// Our extensions, and the key under which usage is reported.
const (
	Identity  = ExtBase + "/identity/v1"
	Policy    = ExtBase + "/policy/v1"
	Usage     = Policy + "/usage"
	Trace     = ExtBase + "/trace/v1"
	Artifacts = ExtBase + "/artifacts/v1"
)

// Header is the header that asks for extensions, and that answers with those that are on. Before
// version 1.0 it was OldHeader.
const (
	Header    = "A2A-Extensions"
	OldHeader = "X-A2A-Extensions"
)

// Limits of what is asked for and of what a peer says is on.
const (
	mostURIs = 64
	mostURI  = 1024
)

// CheckURI reports why a text is no address of an extension. A comma would be two addresses in the
// header, and a control character another header.
func CheckURI(uri string) error {
	bad := func(why string) error {
		return problem.New(problem.InvalidArgument,
			fmt.Sprintf("extensions: %q %s", problem.Said(uri), why),
			"give the URI as the agent's card writes it").With("uris", []string{problem.Said(uri)})
	}
	if uri == "" || len(uri) > mostURI {
		return bad(fmt.Sprintf("has %d bytes, 1 to %d are possible", len(uri), mostURI))
	}
	for _, c := range []byte(uri) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`,"<>\^{}|`+"`", c) >= 0 {
			return bad(fmt.Sprintf("has the byte %#02x, which URIs of extensions do not have", c))
		}
	}
	if parsed, err := url.Parse(uri); err != nil || parsed.Scheme == "" {
		return bad("is no absolute URI")
	}
	return nil
}

// HeaderValue joins extensions to the one value of the header that asks for them: each once, in the
// order given; "" where there are none. Other than repeated headers, one value passes every proxy.
func HeaderValue(uris []string) (string, error) {
	var unique []string
	for _, uri := range uris {
		if err := CheckURI(uri); err != nil {
			return "", err
		}
		if !slices.Contains(unique, uri) {
			unique = append(unique, uri)
		}
		if len(unique) > mostURIs {
			return "", problem.New(problem.InvalidArgument,
				fmt.Sprintf("extensions: more than %d were asked for", mostURIs), "ask for fewer")
		}
	}
	return strings.Join(unique, ", "), nil
}

// On reads the values of the header of an answer: the extensions that the peer says are on. It is
// a peer's word, so what is no URI is left out, and so is what is past the 64th.
func On(values []string) []string {
	var found []string
	for _, value := range values {
		for uri := range strings.SplitSeq(value, ",") {
			uri = strings.TrimSpace(uri)
			if len(found) == mostURIs {
				return found
			}
			if uri != "" && CheckURI(uri) == nil && !slices.Contains(found, uri) {
				found = append(found, uri)
			}
		}
	}
	return found
}

// CheckRequired returns an ExtensionRequired error, before anything is sent, where a card requires
// extensions that are not on.
func CheckRequired(required, on []string) error {
	var missing, shown []string
	for _, uri := range required {
		if !slices.Contains(on, uri) && len(missing) < mostURIs {
			missing, shown = append(missing, uri), append(shown, problem.Said(uri))
		}
	}
	if missing == nil {
		return nil
	}
	return problem.New(problem.ExtensionRequired,
		"the agent serves only clients that speak "+strings.Join(shown, " and "),
		"name them in extensions, if what you send follows them").With("uris", shown)
}

// Value returns what an extension wrote into metadata: nil where it wrote nothing, an error where
// that is no object.
func Value(metadata raw.Object, uri string) (raw.Object, error) {
	found, err := metadata.Object(uri)
	if err != nil {
		return nil, problem.New(problem.InvalidAgentResponse,
			"metadata of an extension: "+problem.Said(err.Error()), "tell the agent's owner")
	}
	return found, nil
}

// Put returns a message, or an artifact, with what an extension has to say: its value under its
// address in metadata, and the address in extensions. The object that is given stays as it is. What
// the caller has written there is not overwritten: that is an InvalidArgument error.
func Put(message raw.Object, uri string, value any) (raw.Object, error) {
	metadata, err := message.Object("metadata")
	if err != nil {
		return nil, notOurs(err.Error())
	}
	if metadata.Has(uri) {
		return nil, notOurs("metadata: " + uri + " is there already")
	}
	listed, err := message.Array("extensions")
	if err != nil {
		return nil, notOurs(err.Error())
	}
	written := With(metadata, uri, value)
	own := raw.Of(uri)
	if !slices.ContainsFunc(listed, func(l json.RawMessage) bool { return string(l) == string(own) }) {
		listed = append(slices.Clip(listed), own)
	}
	return With(With(message, "metadata", written), "extensions", listed), nil
}

func notOurs(why string) error {
	return problem.New(problem.InvalidArgument, "a message: "+problem.Said(why),
		"leave what the client writes out of the message")
}

// With returns a copy of an object that has one more key.
func With(object raw.Object, key string, value any) raw.Object {
	copied := make(raw.Object, len(object)+1)
	for k, v := range object {
		copied[k] = v
	}
	copied[key] = raw.Of(value)
	return copied
}
