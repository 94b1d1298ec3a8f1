//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"fmt"

	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

//export goBundle
func goBundle(
	verb, text *C.char, textLen C.int64_t, other *C.char, otherLen C.int64_t, out *C.rv_bytes,
	e *C.rv_error,
) C.int32_t {
	return door(e, "bundle", func(*guard.Scope) error {
		if verb == nil || out == nil {
			return invalid("bundle", "no verb, or no place for the answer", "")
		}
		answer, err := bundleVerb(C.GoString(verb), documentOf(text, textLen),
			documentOf(other, otherLen))
		if err != nil {
			return err
		}
		return memoryError("bundle", setBytes(out, answer, nil))
	})
}

func bundleVerb(verb string, text, other []byte) ([]byte, error) {
	if verb == "read" {
		b, err := bundle.Read(string(other))
		if err != nil {
			return nil, err
		}
		return b.Encode()
	}
	b, err := bundle.Decode(text)
	if err != nil {
		return nil, err
	}
	switch verb {
	case "decode":
		return b.Encode()
	case "seal":
		if err := b.Seal(); err != nil {
			return nil, err
		}
		return b.Encode()
	case "verify":
		return nil, b.Verify()
	case "compare":
		against, err := bundle.Decode(other)
		if err != nil {
			return nil, err
		}
		return nil, b.VerifyAgainst(against)
	case "write":
		path, err := b.Write(string(other))
		return []byte(path), err
	}
	return nil, invalid("bundle", fmt.Sprintf("no verb %q", verb), "")
}

// documentOf copies bytes that C gave. What is longer than a bundle may be is looked at no further
// than that, and needs no copy.
func documentOf(p *C.char, n C.int64_t) []byte {
	given := view[byte](p, int64(n))
	if len(given) > bundle.MaxBytes {
		return given
	}
	return append([]byte{}, given...)
}
