package card

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Limits of the file of first uses.
const (
	mostStored = 10_000
	mostFile   = 16 << 20
)

// lockWait is how long another process may hold the file; it does for the time of one card.
const lockWait = 30 * time.Second

// entry is what is kept of an origin.
type entry struct {
	key       Key
	firstSeen string
	hash      string
	version   string
	issued    float64
}

// store is a file of first uses that is locked until close.
type store struct {
	path    string
	lock    *os.File
	entries map[string]entry
	changed bool
}

func (s *store) bad(why, fix string, cause error) error {
	return problem.New(problem.InvalidArgument, "trust: the file of first uses "+s.path+" "+why,
		fix).Because(cause)
}

const storeFix = "restore the file from a copy, or remove it, which forgets every key in it"

// openStore locks and reads a file of first uses; one that is not there is empty.
func openStore(path string) (*store, error) {
	s := &store{path: path, entries: map[string]entry{}}
	fix := "make its folder writable"
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, s.bad("has no folder", fix, err)
	}
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, s.bad("cannot be locked", fix, err)
	}
	s.lock = lock
	for end := time.Now().Add(lockWait); ; time.Sleep(5 * time.Millisecond) {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if time.Now().After(end) {
			s.close()
			return nil, s.bad("is locked by another process", "end that process", err)
		}
	}
	if err := s.read(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// close gives the lock back.
func (s *store) close() {
	if s.lock != nil {
		_ = s.lock.Close()
		s.lock = nil
	}
}

// read checks everything of the file: who can write it can make an agent of his trusted.
func (s *store) read() error {
	f, err := os.OpenFile(s.path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return s.bad("cannot be opened; links are not followed", storeFix, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return s.bad("is no file", storeFix, err)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return s.bad("can be written by others", "look through it, then: chmod 600", nil)
	}
	data, err := io.ReadAll(io.LimitReader(f, mostFile+1))
	if err != nil {
		return s.bad("cannot be read", storeFix, err)
	}
	if len(data) > mostFile {
		return s.bad(fmt.Sprintf("has more than %d bytes", mostFile), storeFix, nil)
	}
	return s.parse(data)
}

func (s *store) parse(data []byte) error {
	o, err := raw.Parse(data)
	if err != nil {
		return s.bad("is no JSON", storeFix, err)
	}
	if version, err := o.Number("version"); err != nil || version != 1 {
		return s.bad("is not of version 1", storeFix, err)
	}
	origins, err := o.Object("origins")
	if err != nil || len(origins) > mostStored {
		return s.bad(fmt.Sprintf("has no origins, or more than %d", mostStored), storeFix, err)
	}
	for origin, value := range origins {
		e, err := readEntry(origin, value)
		if err != nil {
			return s.bad("has an entry for "+problem.Said(origin)+" that cannot be", storeFix, err)
		}
		s.entries[origin] = e
	}
	return nil
}

// readEntry reads one, whose names of the key have to be the key's.
func readEntry(origin string, value json.RawMessage) (entry, error) {
	again, err := originOf(origin)
	if err != nil || again != origin {
		return entry{}, errors.New("no origin")
	}
	o, err := raw.Part(value)
	if err != nil {
		return entry{}, err
	}
	e := entry{}
	if e.key, err = ParseKey(o["jwk"]); err != nil {
		return entry{}, err
	}
	texts := map[string]string{}
	for _, name := range []string{"thumbprint", "agent_id", "first_seen", "card_sha256",
		"card_version"} {
		if texts[name], err = o.Text(name); err != nil {
			return entry{}, err
		}
	}
	if texts["thumbprint"] != e.key.thumbprint || texts["agent_id"] != e.key.agent {
		return entry{}, errors.New("a thumbprint or an agent_id of another key")
	}
	if _, err := time.Parse(time.RFC3339, texts["first_seen"]); err != nil {
		return entry{}, err
	}
	e.firstSeen, e.hash = texts["first_seen"], texts["card_sha256"]
	e.version = texts["card_version"]
	e.issued, err = o.Number("card_issued")
	return e, err
}

// history is what the entry says of cards before.
func (e *entry) history() *history {
	if e.hash == "" {
		return nil
	}
	return &history{version: e.version, issued: e.issued, hashes: []string{e.hash}}
}

// save writes what changed beside the file, and puts it in the file's place.
func (s *store) save() error {
	if !s.changed {
		return nil
	}
	if len(s.entries) > mostStored {
		return s.bad(fmt.Sprintf("is full: it has %d origins", mostStored),
			"remove origins that are not asked any more", nil)
	}
	origins := map[string]any{}
	for origin, e := range s.entries {
		origins[origin] = map[string]any{"jwk": e.key.public, "thumbprint": e.key.thumbprint,
			"agent_id": e.key.agent, "first_seen": e.firstSeen, "card_sha256": e.hash,
			"card_version": e.version, "card_issued": e.issued}
	}
	data, err := json.MarshalIndent(map[string]any{"version": 1, "origins": origins}, "", " ")
	if err != nil {
		return s.bad("cannot be written", storeFix, err)
	}
	if err := replace(s.path, append(data, '\n')); err != nil {
		return s.bad("cannot be written", "make its folder writable, and see that the disk has room",
			err)
	}
	s.changed = false
	return nil
}

// replace puts data in the place of a file: after a crash it has the old bytes or the new ones.
func replace(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".first-uses-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	folder, err2 := os.Open(filepath.Dir(path))
	if err2 == nil {
		_ = folder.Sync() // some file systems cannot; the name is in place
		_ = folder.Close()
	}
	return nil
}
