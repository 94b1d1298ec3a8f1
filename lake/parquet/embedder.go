package parquet

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"sync"
	"unicode/utf8"
)

// EmbedderKey is the key under which a file says what made the vectors of a column: in the metadata
// of the column's field in the Arrow schema, or in the file's own, then as an object of JSON by
// column.
const EmbedderKey = "ruvector.embedder"

// The limits of what files say of embedders.
const (
	mostSchema   = 4 << 20 // bytes of an Arrow schema, as it is stored
	mostEmbedder = 1 << 16 // bytes of what is said of one column
	mostColumns  = 1 << 20 // bytes of what the file says of all of its columns
	mostMakers   = 8       // different ones of a set that are told
)

// said is what a file says of what made its vectors, read when it is first asked for.
type said struct {
	once   sync.Once
	schema flat
	fields map[string]int // places of the fields at the top of the schema
	own    map[string]json.RawMessage
}

// Embedder returns what the file says of what made the vectors of a column, by the column's path:
// text that nobody has checked, "" where it says nothing that can be read. Safe for concurrent use.
func (f *File) Embedder(path []string) string {
	s := &f.said
	s.once.Do(func() {
		s.schema, s.fields = f.arrowSchema()
		if text, ok := f.Metadata(EmbedderKey); ok && len(text) <= mostColumns {
			if json.Unmarshal([]byte(text), &s.own) != nil {
				s.own = nil
			}
		}
	})
	if text := s.ofField(path); text != "" {
		return told(text)
	}
	for n := len(path); n > 0 && s.own != nil; n-- {
		if text, ok := s.own[(&Leaf{Path: path[:n]}).Name()]; ok {
			return told(string(text))
		}
	}
	return ""
}

// told is text that may be passed on.
func told(text string) string {
	if len(text) > mostEmbedder || !utf8.ValidString(text) {
		return ""
	}
	return text
}

// Maker is what one file of several says of what made its vectors.
type Maker struct{ Text, File string }

// appendMaker adds what no other file has said yet.
func appendMaker(makers []Maker, text, file string) []Maker {
	for _, m := range makers {
		if m.Text == text {
			return makers
		}
	}
	if len(makers) == mostMakers {
		return makers
	}
	return append(makers, Maker{text, file})
}

// Makers returns what the files say of what made their vectors: each text once, with the first file
// that says it; at most 8. "" is that of files that say nothing.
func (s *Set) Makers() []Maker {
	var found []Maker
	for _, v := range s.parts {
		found = appendMaker(found, v.f.Embedder(v.f.Leaves()[v.index].Path), v.f.name)
	}
	return found
}

// Makers returns what the files say of what made their vectors, as Set.Makers.
func (p *Pages) Makers() []Maker {
	var found []Maker
	for _, of := range p.parts {
		found = appendMaker(found, of.maker, of.path)
	}
	return found
}

// arrowSchema returns the Arrow schema that writers keep beside the columns, a flatbuffer in
// base64, and where its fields are by name.
func (f *File) arrowSchema() (flat, map[string]int) {
	text, ok := f.Metadata("ARROW:schema")
	if !ok || len(text) > mostSchema {
		return nil, nil
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, nil
	}
	b := flat(data)
	at := 0 // an encapsulated message: a mark that old writers leave out, then its length
	if b.word(0) == 0xffffffff {
		at = 4
	}
	schema := b.follow(b.field(b.follow(at+4), 2))
	fields := map[string]int{}
	b.tables(b.field(schema, 1), func(table int) bool {
		if name := string(b.text(b.field(table, 0))); fields[name] == 0 {
			fields[name] = table
		}
		return true
	})
	return b, fields
}

// ofField finds what the innermost field on a path says that says anything.
func (s *said) ofField(path []string) (found string) {
	field := 0
	for i, name := range path {
		if i == 0 {
			field = s.fields[name]
		} else {
			field = s.schema.named(s.schema.field(field, 5), name)
		}
		if field == 0 {
			break
		}
		if text := s.schema.value(s.schema.field(field, 6), EmbedderKey); text != "" {
			found = text
		}
	}
	return found
}

// flat is a flatbuffer that nobody has checked. A place is 0 where there is nothing.
type flat []byte

func (b flat) word(at int) uint32 {
	if at < 0 || at+4 > len(b) {
		return 0
	}
	return binary.LittleEndian.Uint32(b[at:])
}

// follow returns the place that the offset at a place means.
func (b flat) follow(at int) int {
	if at <= 0 {
		return 0
	}
	to := at + int(b.word(at))
	if to == at || to+4 > len(b) {
		return 0
	}
	return to
}

// field returns the place of the n-th field of a table.
func (b flat) field(table, n int) int {
	if table <= 0 {
		return 0
	}
	fields := table - int(int32(b.word(table)))
	at := fields + 4 + 2*n
	if fields < 0 || at+2 > len(b) || at+2 > fields+int(binary.LittleEndian.Uint16(b[fields:])) {
		return 0
	}
	if off := int(binary.LittleEndian.Uint16(b[at:])); off != 0 {
		return table + off
	}
	return 0
}

// text returns the bytes of the text that the offset at a place means.
func (b flat) text(at int) []byte {
	from := b.follow(at)
	n := int(b.word(from))
	if from == 0 || n > len(b)-from-4 {
		return nil
	}
	return b[from+4 : from+4+n]
}

// tables calls each with the tables of the list that the offset at a place means, until it has
// enough.
func (b flat) tables(at int, each func(table int) bool) {
	from := b.follow(at)
	n := int(b.word(from))
	if from == 0 || n > (len(b)-from-4)/4 {
		return
	}
	for i := range n {
		if table := b.follow(from + 4 + 4*i); table == 0 || !each(table) {
			return
		}
	}
}

// named returns the field of a name, of those in a list.
func (b flat) named(fields int, name string) (found int) {
	b.tables(fields, func(table int) bool {
		if string(b.text(b.field(table, 0))) == name {
			found = table
		}
		return found == 0
	})
	return found
}

// value returns the value of a key, of the pairs in a list.
func (b flat) value(pairs int, key string) (found string) {
	b.tables(pairs, func(table int) bool {
		if string(b.text(b.field(table, 0))) == key {
			found = string(b.text(b.field(table, 1)))
		}
		return found == ""
	})
	return found
}
