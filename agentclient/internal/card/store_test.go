package card

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
)

func tofu(t *testing.T, path string) Policy {
	t.Helper()
	p, err := TOFU(path)
	require.NoError(t, err)
	return p
}

func TestTheFirstKeyOfAnOriginIsItsKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "first.json")
	p := tofu(t, path)
	first, other := edSigner(30), edSigner(31)
	data := signedBy(t, plainCard("1", &first, t), Spec, first)
	_, result, err := Verify(data, p, "https://one.example/card")
	require.NoError(t, err)
	assert.Equal(t, SelfCertified, result.Level)
	for _, name := range []string{path, path + ".lock"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	_, result, err = Verify(data, p, "https://one.example")
	require.NoError(t, err)
	assert.Equal(t, []string{Verified, first.agent()}, []string{result.Level, result.AgentID})
	// Later cards without that key's signature are refused.
	_, _, err = Verify(signedBy(t, plainCard("1", &other, t), Spec, other), p, "https://one.example")
	assert.Equal(t, SelfCertified, untrusted(t, err))
	_, _, err = Verify(raw.Of(plainCard("1", nil, t)), p, "https://one.example")
	assert.Equal(t, Unsigned, untrusted(t, err))
	forged := strings.Replace(string(data), `"description":"d"`, `"description":"e"`, 1)
	_, _, err = Verify([]byte(forged), p, "https://one.example")
	assert.Equal(t, ReasonSignature, invalidSignature(t, err))
	header := first.header()
	header["exp"] = 5
	payload, err := canonical(plainCard("1", &first, t), Spec)
	require.NoError(t, err)
	_, _, err = Verify(withSignatures(plainCard("1", &first, t), first.sign(t, payload, header)), p,
		"https://one.example")
	assert.Equal(t, ReasonExpired, invalidSignature(t, err))
	// Other origins are others, and nothing of the file changed by what was refused.
	_, result, err = Verify(signedBy(t, plainCard("1", &other, t), Spec, other), p, "http://two:81")
	require.NoError(t, err)
	assert.Equal(t, SelfCertified, result.Level)
	_, _, err = Verify(data, p, "https://one.example")
	assert.NoError(t, err)
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, entries, 2)
}

func TestAKeyHandsOverToTheNext(t *testing.T) {
	p := tofu(t, filepath.Join(t.TempDir(), "first.json"))
	old, fresh := edSigner(32), edSigner(33)
	_, _, err := Verify(signedBy(t, plainCard("1", &old, t), Spec, old), p, place)
	require.NoError(t, err)
	both := signedBy(t, plainCard("2", &fresh, t), Spec, old, fresh)
	_, result, err := Verify(both, p, place)
	require.NoError(t, err)
	assert.Equal(t, []string{Verified, old.agent(), fresh.agent()},
		[]string{result.Level, result.KeyID, result.AgentID})
	_, result, err = Verify(signedBy(t, plainCard("3", &fresh, t), Spec, fresh), p, place)
	require.NoError(t, err)
	assert.Equal(t, Verified, result.Level)
	_, _, err = Verify(signedBy(t, plainCard("3", &old, t), Spec, old), p, place)
	assert.Equal(t, SelfCertified, untrusted(t, err))
}

func TestAnOriginThatProvesNoKeyLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "first.json")
	p := tofu(t, path)
	vendor := signer{"ES256", "v", ecKey()}
	for _, data := range [][]byte{raw.Of(plainCard("1", nil, t)),
		signedBy(t, plainCard("1", nil, t), Spec, vendor)} {
		_, result, err := Verify(data, p, place)
		require.NoError(t, err)
		assert.Contains(t, result.Warning, "no key")
		_, err = os.Stat(path)
		assert.ErrorIs(t, err, os.ErrNotExist)
		_, _, err = Verify(data, Require(p), place)
		untrusted(t, err)
	}
	_, _, err := Verify(raw.Of(plainCard("1", nil, t)), p, "")
	assert.Contains(t, wrongArgument(t, err), "nowhere")
}

// What another policy refuses is not remembered.
func TestOnlyWhatIsBelievedIsRemembered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "first.json")
	own, other := edSigner(34), edSigner(35)
	data := signedBy(t, plainCard("1", &own, t), Spec, own)
	pin, err := Pin(other.agent(), "", nil)
	require.NoError(t, err)
	_, _, err = Verify(data, Require(tofu(t, path), pin), place)
	untrusted(t, err)
	_, err = os.Stat(path)
	assert.ErrorIs(t, err, os.ErrNotExist)
	pin, err = Pin(own.agent(), "", nil)
	require.NoError(t, err)
	_, result, err := Verify(data, Require(tofu(t, path), pin, tofu(t, path)), place)
	require.NoError(t, err)
	assert.Equal(t, Verified, result.Level)
	_, err = os.Stat(path)
	assert.NoError(t, err)
}

// A file that was not written by this code, or that others can write, is trusted in nothing.
func TestFilesOfFirstUsesThatAreHostile(t *testing.T) {
	folder := t.TempDir()
	own := edSigner(36)
	data := signedBy(t, plainCard("1", &own, t), Spec, own)
	good := filepath.Join(folder, "good.json")
	_, _, err := Verify(data, tofu(t, good), place)
	require.NoError(t, err)
	text, err := os.ReadFile(good)
	require.NoError(t, err)
	swap := func(old, fresh string) string {
		require.Contains(t, string(text), old)
		return strings.ReplaceAll(string(text), old, fresh)
	}
	var file map[string]any
	require.NoError(t, json.Unmarshal(text, &file))
	entry := file["origins"].(map[string]any)[place]
	many := map[string]any{}
	for i := range mostStored + 1 {
		many[fmt.Sprintf("https://h%d.example", i)] = 0
	}
	for name, text := range map[string]string{
		"empty": "", "cut": string(text[:len(text)/2]), "no JSON": "\x00\x01", "array": "[]",
		"version": swap(`"version": 1`, `"version": 2`), "origin": swap(place, "https://A.example"),
		"no origin": swap(place, "elsewhere"), "id": swap(own.agent(), edSigner(37).agent()),
		"date": swap(`"first_seen": "2`, `"first_seen": "x2`), "key": swap(`"Ed25519"`, `"X25519"`),
		"private": swap(`"crv"`, `"d": "AA", "crv"`), "twice": swap(`"version": 1`,
			`"version": 1, "version": 1`), "null": string(raw.Of(map[string]any{"version": 1,
			"origins": map[string]any{place: nil}})),
		"hash": swap(`"card_sha256": "`, `"card_sha256": 7, "x": "`),
		"many": string(raw.Of(map[string]any{"version": 1, "origins": many})),
		"list": string(raw.Of(map[string]any{"version": 1, "origins": []any{entry}})),
		"deep": strings.Repeat("[", 100_000), "large": strings.Repeat(" ", mostFile+1),
		"issued": swap(`"card_issued": 0`, `"card_issued": {}`),
	} {
		path := filepath.Join(folder, "bad.json")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, _, err := Verify(data, tofu(t, path), place)
		assert.Contains(t, wrongArgument(t, err), path, name)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, text, string(after), name)
	}
}

func TestPlacesOfFirstUsesThatAreHostile(t *testing.T) {
	folder := t.TempDir()
	own := edSigner(38)
	data := signedBy(t, plainCard("1", &own, t), Spec, own)
	refuse := func(path string) {
		t.Helper()
		_, _, err := Verify(data, tofu(t, path), place)
		wrongArgument(t, err)
	}
	open := filepath.Join(folder, "open.json")
	require.NoError(t, os.WriteFile(open, []byte(`{"version":1}`), 0o600))
	require.NoError(t, os.Chmod(open, 0o620))
	refuse(open)
	link := filepath.Join(folder, "link.json")
	require.NoError(t, os.Symlink(filepath.Join(folder, "elsewhere"), link))
	refuse(link)
	lock := filepath.Join(folder, "locked.json")
	require.NoError(t, os.Symlink(filepath.Join(folder, "elsewhere"), lock+".lock"))
	refuse(lock)
	pipe := filepath.Join(folder, "pipe.json")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	refuse(pipe)
	refuse(folder)
	refuse(filepath.Join(open, "below", "a.json"))
	_, err := os.Stat(filepath.Join(folder, "elsewhere"))
	assert.ErrorIs(t, err, os.ErrNotExist)
	// A file that others can read is taken, and is its owner's alone once it is written.
	readable := filepath.Join(folder, "readable.json")
	require.NoError(t, os.WriteFile(readable, []byte(`{"version":1,"origins":{}}`), 0o600))
	require.NoError(t, os.Chmod(readable, 0o644))
	_, _, err = Verify(data, tofu(t, readable), place)
	require.NoError(t, err)
	info, err := os.Stat(readable)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// Many at once lose nothing, and one origin has one key at the end, whoever came first.
func TestFirstUsesAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "first.json")
	p := tofu(t, path)
	const n = 16
	believed := make([]bool, 2*n)
	var wait sync.WaitGroup
	for i := range 2 * n {
		s := edSigner(byte(100 + i))
		data := signedBy(t, plainCard("1", &s, t), Spec, s)
		origin := fmt.Sprintf("https://h%d.example", i)
		if i >= n {
			origin = "https://same.example"
		}
		wait.Go(func() {
			_, _, err := Verify(data, p, origin)
			believed[i] = err == nil
		})
	}
	wait.Wait()
	count := 0
	for i := range 2 * n {
		if i < n {
			assert.True(t, believed[i])
		} else if believed[i] {
			count++
		}
	}
	assert.Equal(t, 1, count)
	s, err := openStore(path)
	require.NoError(t, err)
	defer s.close()
	assert.Len(t, s.entries, n+1)
}

func TestAFileThatCannotBeWrittenIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "first.json")
	s, err := openStore(path)
	require.NoError(t, err)
	defer s.close()
	require.NoError(t, s.save())
	_, err = os.Stat(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	s.changed, s.path = true, filepath.Join(path+".lock", "x")
	assert.Contains(t, wrongArgument(t, s.save()), "cannot be written")
	for i := range mostStored + 1 {
		s.entries[fmt.Sprint(i)] = entry{}
	}
	assert.Contains(t, wrongArgument(t, s.save()), "full")
}
