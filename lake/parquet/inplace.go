package parquet

import (
	"encoding/binary"
)

// inPlace is memory that values are decompressed to straight away, where they are stored as they
// are in memory: levels, which come first in a page, lie for a moment over what was decoded before.
type inPlace struct {
	all    []byte
	at     int    // where the next values go
	off    bool   // a page was not as it was guessed to be
	levels []byte // of the page
	under  []byte // what levels lay over
}

// claim returns the memory for a page that becomes `decoded` bytes, of which the last are n values
// of word bytes and the others levels, and how many those are; nil if it does not fit.
func (m *inPlace) claim(decoded, n, word int) (page []byte, levels int) {
	levels = decoded - n*word
	if m.off || levels < 0 || levels > m.at || m.at+n*word+slack > len(m.all) {
		return nil, 0
	}
	return m.all[m.at-levels : m.at+n*word], levels
}

// unpackInPlace decompresses a page of version 1 whose entries all seem to be plain values. false:
// they are not, or there is no room; nothing is changed then.
func (p *pageReader) unpackInPlace(pg *page) (ok bool, err error) {
	m := &p.place
	if m.all == nil || pg.encoding != plain || p.leaf.Physical == Int32 {
		return false, nil
	}
	dst, levels := m.claim(int(pg.decoded), int(pg.n), p.wordSize)
	if dst == nil {
		return false, nil
	}
	if err := p.readPacked(pg); err != nil {
		return false, err
	}
	m.under = append(m.under[:0], dst[:levels]...)
	if err := decompress(p.chunk.Codec, dst, p.packed); err != nil {
		return false, p.undone(pg, err)
	}
	m.levels = append(m.levels[:0], dst[:levels]...)
	copy(dst, m.under)
	if !p.split(pg, m.levels) {
		m.off = true
		return false, nil
	}
	pg.body = dst[levels:]
	return true, nil
}

// split finds the levels of a page of version 1 in bytes that hold them and nothing else.
func (p *pageReader) split(pg *page, data []byte) bool {
	take := func(most int) ([]byte, bool) {
		if most == 0 {
			return nil, true
		}
		if len(data) < 4 || uint64(binary.LittleEndian.Uint32(data)) > uint64(len(data)-4) {
			return nil, false
		}
		n := 4 + int(binary.LittleEndian.Uint32(data))
		levels := data[4:n]
		data = data[n:]
		return levels, true
	}
	rep, ok := take(p.leaf.MaxRep)
	if !ok {
		return false
	}
	def, ok := take(p.leaf.MaxDef)
	if !ok || len(data) != 0 {
		return false
	}
	pg.rep, pg.def = rep, def
	return true
}
