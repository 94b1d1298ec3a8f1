//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"context"
	"math"

	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/text"
)

//export goEmbed
func goEmbed(p *C.rv_embed_params, e *C.rv_error) C.int32_t {
	return door(e, "embed", func(*guard.Scope) error {
		if err := checkEmbed(p); err != nil {
			return err
		}
		table := text.EmbedTable{Rows: int(p.rows), Dim: int(p.dim),
			Normalize: p.normalize != 0}
		if stringOf(p.format, 1) == "e" {
			table.Float16 = viewAt[uint16](p.table, int64(p.rows*p.dim))
		} else {
			table.Float32 = viewAt[float32](p.table, int64(p.rows*p.dim))
		}
		texts := int64(p.texts)
		return text.Embed(context.Background(), table, view[uint32](p.ids, int64(p.n_ids)),
			view[int64](p.offsets, texts+1), view[float32](p.out, texts*int64(p.dim)),
			view[byte](p.valid, texts), int(p.threads))
	})
}

func checkEmbed(p *C.rv_embed_params) error {
	const most = math.MaxInt64 / 16
	switch {
	case p == nil || p.size < C.sizeof_rv_embed_params:
		return invalid("embed", "parameters of an older version", "")
	case p.rows < 1 || p.dim < 1 || int64(p.rows) > most/int64(p.dim) || p.texts < 0 ||
		int64(p.texts) > most/int64(p.dim) || p.n_ids < 0:
		return invalid("embed", "a table or texts of an impossible shape", "")
	case p.format == nil || stringOf(p.format, 1) != "e" && stringOf(p.format, 1) != "f":
		return invalid("embed", "the table must be float16 or float32", "")
	case p.table == nil || p.offsets == nil || p.n_ids > 0 && p.ids == nil ||
		p.texts > 0 && (p.out == nil || p.valid == nil):
		return invalid("embed", "data or a place for the answer is missing", "")
	}
	return nil
}
