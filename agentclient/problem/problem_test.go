package problem

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
)

func TestAnErrorIsOneSentence(t *testing.T) {
	cause := errors.New("dial tcp 10.0.0.1:443?token=secret")
	e := &Error{Code: ConnectFailed, Op: "connect", Msg: "no connection", Fix: "start the agent",
		URL: "https://a.example/card", Attempts: 3}
	assert.Equal(t,
		"connect: no connection (https://a.example/card), asked 3 times; start the agent",
		e.Because(cause).Error())
	assert.NotContains(t, e.Error(), "secret")
	assert.ErrorIs(t, e, cause)
	assert.Equal(t, "no answer", New(Timeout, "no answer", "").Error())
	assert.Equal(t, "https://a/ is gone", (&Error{Msg: "https://a/ is gone", URL: "https://a/",
		Attempts: 1}).Error())
}

func TestEveryErrorHasAKindOfAllErrors(t *testing.T) {
	err := fmt.Errorf("while waiting: %w", New(TaskNotFound, "no task", "").With("status", int64(404)))
	assert.Equal(t, fault.A2aError, fault.KindOf(err))
	assert.Equal(t, fault.Cancelled, fault.KindOf(New(Cancelled, "cancelled", "")))
	assert.Equal(t, TaskNotFound, CodeOf(err))
	assert.Equal(t, None, CodeOf(nil))
	assert.Equal(t, Internal, CodeOf(errors.New("else")))
	assert.True(t, Is(err, CardInvalid, TaskNotFound))
	assert.False(t, Is(err, CardInvalid))
	assert.False(t, Is(nil, None))
	var e *Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, int64(404), e.Detail["status"])
}

func TestWhatAPeerSaidIsCutAndEscaped(t *testing.T) {
	assert.Equal(t, `a\u000ab\u0000\u001b[31m`, Said("a\nb\x00\x1b[31m"))
	assert.Equal(t, "a\uFFFDb", Said("a\xffb"))
	assert.Equal(t, `\u202eevil`, Said("\u202eevil"))
	assert.Equal(t, `\u2028`, Said("\u2028"))
	long := Said(strings.Repeat("é", 100_000))
	assert.Equal(t, 301, len([]rune(long)))
	assert.True(t, strings.HasSuffix(long, "…"))
}

func TestAddressesAreShownWithoutWhatMayBeSecret(t *testing.T) {
	for raw, want := range map[string]string{
		"https://user:pw@a.example:8443/p/q?key=1#f": "https://a.example:8443/p/q",
		"http://[::1]:80/":                           "http://[::1]:80/",
		"https://a.example/\x01":                     "an address that cannot be read",
		"%zz":                                        "an address that cannot be read",
	} {
		assert.Equal(t, want, Address(raw))
	}
}

// Two codes of one name would be one class.
func TestCodesAreDistinct(t *testing.T) {
	tree, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	require.NoError(t, err)
	seen := map[string]string{}
	ast.Inspect(tree, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		require.NoError(t, err)
		assert.Empty(t, seen[text], "%s and %s", seen[text], spec.Names[0].Name)
		seen[text] = spec.Names[0].Name
		return true
	})
	assert.Greater(t, len(seen), 30)
}

func TestACopyIsAddedToAlone(t *testing.T) {
	e := New(Closed, "closed", "").With("a", int64(1))
	c := e.Copy()
	c.Op = "x"
	assert.Equal(t, map[string]any{"a": int64(1)}, c.Detail)
	_ = c.With("b", true)
	assert.Len(t, e.Detail, 1)
	assert.Empty(t, e.Op)
	assert.Nil(t, New(Closed, "", "").Copy().Detail)
}
