package agentclient

import (
	"container/list"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/web"
)

const (
	mostCards = 64
	// cardFresh is how long a card is believed to be the newest where nobody says, cardOldest the
	// most that an agent may say.
	cardFresh  = 5 * time.Minute
	cardOldest = 24 * time.Hour
)

// cached is a card as it came, and until when it need not be asked for. It is not changed.
type cached struct {
	data  []byte
	tag   string
	until time.Time
	keep  bool
}

// newCached reads what an answer says of keeping it (RFC 9111).
func newCached(data []byte, h http.Header, now time.Time) *cached {
	k := &cached{data: data, tag: h.Get("ETag"), until: now.Add(cardFresh), keep: true}
	age, _ := strconv.ParseInt(h.Get("Age"), 10, 32)
	for _, value := range h.Values("Cache-Control") {
		for directive := range strings.SplitSeq(value, ",") {
			name, given, _ := strings.Cut(strings.TrimSpace(directive), "=")
			switch strings.ToLower(name) {
			case "no-store":
				k.keep = false
			case "no-cache":
				k.until = now
			case "max-age":
				seconds, err := strconv.ParseInt(strings.Trim(given, `"`), 10, 64)
				if err != nil || seconds < 0 {
					seconds = 0
				}
				fresh := min(cardOldest, time.Duration(min(seconds, 1<<31))*time.Second)
				if k.until.After(now) {
					k.until = now.Add(fresh - time.Duration(max(0, age))*time.Second)
				}
			}
		}
	}
	if len(k.tag) > 1024 {
		k.tag = ""
	}
	return k
}

// renewed is the card after the agent said that it is still the same.
func (k *cached) renewed(h http.Header, now time.Time) *cached {
	n := newCached(k.data, h, now)
	n.tag = k.tag
	return n
}

func (k *cached) fresh(now time.Time) bool { return now.Before(k.until) }

// cardCache remembers the cards that were believed last, for all clients of the process: for each
// address and each way to ask it apart. What it holds is verified anew each time it is used.
type cardCache struct {
	mu    sync.Mutex
	byKey map[string]*list.Element
	used  list.List // of *remembered, the last used in front
}

type remembered struct {
	key  string
	card *cached
}

var cards = &cardCache{byKey: map[string]*list.Element{}}

func (m *cardCache) get(key string) *cached {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := m.byKey[key]
	if found == nil {
		return nil
	}
	m.used.MoveToFront(found)
	return found.Value.(*remembered).card
}

func (m *cardCache) put(key string, card *cached) {
	if m.drop(key); !card.keep {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.byKey[key] = m.used.PushFront(&remembered{key, card})
	for m.used.Len() > mostCards {
		oldest := m.used.Back()
		delete(m.byKey, m.used.Remove(oldest).(*remembered).key)
	}
}

func (m *cardCache) drop(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if found := m.byKey[key]; found != nil {
		m.used.Remove(found)
		delete(m.byKey, key)
	}
}

// cacheKey keeps credentials out of what the cache holds.
var cacheKey = func() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // ends the process where the system has no random bytes
	return key
}()

// cardKey tells cards apart by address, by who asks and by how. Tokens that are made anew for each
// request, and a machine's own agents, which come and go at one address, are each client's own.
func (c *Client) cardKey() string {
	o := &c.options
	sum := hmac.New(sha256.New, cacheKey)
	fmt.Fprintf(sum, "%q %q %q %p %q", c.cardURL, o.Proxy, o.Pins, o.TLS, o.Dialect)
	own := isLoopback(c.cardURL)
	for _, credential := range o.Auth {
		own = own || credential.Token != nil
		writeIdentity(sum, credential)
	}
	if own {
		fmt.Fprintf(sum, "%d", c.number)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// writeIdentity writes all of a credential, which prints itself as nothing but its kind.
func writeIdentity(to interface{ Write([]byte) (int, error) }, k web.Credential) {
	fmt.Fprintf(to, "%q %q %q %q %q %q %q %q %q %q %v %q %q\n", string(k.Kind), k.Scheme, k.Origins,
		k.Secret, k.User, k.Name, k.Location, k.TokenURL, k.Scopes, k.Certificate, k.Force, "", k.Key)
}

func isLoopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	host := strings.ToLower(u.Hostname())
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
