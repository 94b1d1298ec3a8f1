package score

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
)

// Constant is a column of the output that has one value in all rows, or is null.
type Constant struct {
	Name string
	// Value is nil (null), a bool, int64, float64 or string, or a Date. Type names the type of a
	// null: "bool", "int64", "float64", "string" or "date32".
	Value any
	Type  string
}

// Date is days since 1970-01-01.
type Date int32

// ParseConstant reads a constant from text; nil is null. Dates are written as 2006-01-02.
//
// Errors: InvalidArgument.
func ParseConstant(name, kind string, value *string) (Constant, error) {
	c := Constant{Name: name, Type: kind}
	if value == nil {
		return c, nil
	}
	var err error
	switch kind {
	case "bool":
		c.Value, err = strconv.ParseBool(*value)
	case "int64":
		c.Value, err = strconv.ParseInt(*value, 10, 64)
	case "float64":
		c.Value, err = strconv.ParseFloat(*value, 64)
	case "date32":
		var day time.Time
		day, err = time.Parse(time.DateOnly, *value)
		c.Value = Date(day.Unix() / 86400)
	default:
		c.Value = *value
	}
	if err != nil {
		return c, fault.New(fault.InvalidArgument, op,
			fmt.Sprintf("constant %q of type %s is %q", name, kind, *value), "")
	}
	return c, nil
}

// Names are what the new columns are called.
type Names struct{ Row, Rank, ID, Score string }

// columns returns those of the output, in its order.
func (p *Part) columns() ([]column, error) {
	out, err := p.carriedColumns()
	if err != nil {
		return nil, err
	}
	for _, c := range p.options.Constants {
		made, err := constantColumn(c)
		if err != nil {
			return nil, err
		}
		out = append(out, made)
	}
	out = append(out, p.newColumns()...)
	if p.options.Right != nil {
		for i := range p.options.Right.columns {
			out = append(out, p.options.Right.column(i, p.place))
		}
	}
	return out, clashes(out)
}

// carriedColumns are those of the input that pass through.
func (p *Part) carriedColumns() ([]column, error) {
	names := p.options.Columns
	if names == nil {
		names = []string{}
		for i := range p.in.root.NumFields() {
			if name := p.in.root.Field(i).Name(); name != p.options.On {
				names = append(names, name)
			}
		}
	}
	var out []column
	for _, name := range names {
		node, from, to := p.in.field(name)
		if node == nil {
			return nil, p.in.missing(name)
		}
		c := column{node: node, from: "a column of the input", dict: true,
			said: p.in.file.Embedder([]string{name})}
		for leaf := from; leaf < to; leaf++ {
			carrier, err := newCarrier(p.in, leaf, p.group, p.end)
			if err != nil {
				return nil, err
			}
			p.carriers = append(p.carriers, carrier)
			c.lanes = append(c.lanes, carrier)
		}
		out = append(out, c)
	}
	return out, nil
}

// missing is the error of a column that the input does not have.
func (in *Input) missing(name string) error {
	var names []string
	for i := range in.root.NumFields() {
		names = append(names, fmt.Sprintf("%q", in.root.Field(i).Name()))
	}
	return fault.New(fault.ColumnError, op,
		fmt.Sprintf("%s has no column %q, only %s", in.Name(), name, strings.Join(names, ", ")),
		"name columns at the top of the schema")
}

// clashes refuses two columns of one name.
func clashes(columns []column) error {
	seen := map[string]string{}
	for _, c := range columns {
		name := c.node.Name()
		if other, ok := seen[name]; ok {
			return fault.New(fault.ColumnError, op,
				fmt.Sprintf("two columns would be called %q: %s and %s", name, other, c.from),
				"leave one out with columns=, or rename it")
		}
		seen[name] = c.from
	}
	return nil
}

// node makes a column of the schema. Where the type cannot be, that is our mistake: it panics.
func node(
	name string, rep parquet.Repetition, logical schema.LogicalType, kind parquet.Type, width int,
) schema.Node {
	return schema.Must(schema.NewPrimitiveNodeLogical(name, rep, logical, kind, width, -1))
}

var none = schema.NoLogicalType{}

// newColumns are those that say what was found.
func (p *Part) newColumns() []column {
	names, required := p.options.Names, parquet.Repetitions.Required
	k, from := parquet.Types, "what was found"
	score := func(b *batch, row, hit int) (float32, bool) { return b.scores[b.cell(row, hit)], true }
	rank := func(_ *batch, _, hit int) (int64, bool) { return int64(hit) + 1, true }
	return []column{
		{node: node(names.Row, required, none, k.Int64, -1), from: from, dict: true,
			lanes: []lane{numbered{newLeaf[int64](0, 0)}}},
		{node: node(names.Rank, required, none, k.Int64, -1), from: from, dict: true,
			lanes: []lane{newAdded(0, rank)}},
		p.idColumn(),
		{node: node(names.Score, required, none, k.Float, -1), from: from,
			lanes: []lane{newAdded(0, score)}},
	}
}

func (p *Part) idColumn() column {
	name, required := p.options.Names.ID, parquet.Repetitions.Required
	c := column{from: "what was found"}
	switch p.idKind {
	case arrowidx.IDString:
		c.node = node(name, required, schema.StringLogicalType{}, parquet.Types.ByteArray, -1)
		c.dict = true
		c.lanes = []lane{newAdded(0, func(b *batch, row, hit int) (parquet.ByteArray, bool) {
			return b.ids.At(b.rows[b.cell(row, hit)]), true
		})}
		return c
	case arrowidx.IDUint64:
		c.node = node(name, required, schema.NewIntLogicalType(64, false), parquet.Types.Int64, -1)
	default:
		c.node = node(name, required, none, parquet.Types.Int64, -1)
	}
	c.lanes = []lane{newAdded(0, func(b *batch, row, hit int) (int64, bool) {
		return int64(b.ids.Number(b.rows[b.cell(row, hit)])), true
	})}
	return c
}

// constantColumn makes the column of a constant.
func constantColumn(c Constant) (column, error) {
	kind := c.Type
	switch c.Value.(type) {
	case bool:
		kind = "bool"
	case int64:
		kind = "int64"
	case float64:
		kind = "float64"
	case string:
		kind = "string"
	case Date:
		kind = "date32"
	}
	out, types := column{from: "a value of the file's folder", dict: true}, parquet.Types
	optional := parquet.Repetitions.Optional
	switch kind {
	case "bool":
		v, valid := c.Value.(bool)
		out.node = node(c.Name, optional, none, types.Boolean, -1)
		out.lanes, out.dict = []lane{&constant[bool]{newLeaf[bool](0, 1), v, valid}}, false
	case "int64":
		v, valid := c.Value.(int64)
		out.node = node(c.Name, optional, none, types.Int64, -1)
		out.lanes = []lane{&constant[int64]{newLeaf[int64](0, 1), v, valid}}
	case "float64":
		v, valid := c.Value.(float64)
		out.node = node(c.Name, optional, none, types.Double, -1)
		out.lanes = []lane{&constant[float64]{newLeaf[float64](0, 1), v, valid}}
	case "string":
		v, valid := c.Value.(string)
		out.node = node(c.Name, optional, schema.StringLogicalType{}, types.ByteArray, -1)
		out.lanes = []lane{&constant[parquet.ByteArray]{newLeaf[parquet.ByteArray](0, 1),
			parquet.ByteArray(v), valid}}
	case "date32":
		v, valid := c.Value.(Date)
		out.node = node(c.Name, optional, schema.DateLogicalType{}, types.Int32, -1)
		out.lanes = []lane{&constant[int32]{newLeaf[int32](0, 1), int32(v), valid}}
	default:
		return out, fault.New(fault.InvalidArgument, op,
			fmt.Sprintf("constant %q of type %q", c.Name, kind),
			"use bool, int64, float64, string or date32")
	}
	return out, nil
}

// schemaText is the names and types of columns as JSON, the same text for the same schema.
func schemaText(columns []column) string {
	pairs := make([][2]string, 0, len(columns))
	for _, c := range columns {
		pairs = append(pairs, [2]string{c.node.Name(), typeText(c.node)})
	}
	text, err := json.Marshal(pairs)
	if err != nil {
		panic(err) // strings can be written
	}
	return string(text)
}

// typeText is the type of a node, its name and field ids left out, with those of all below.
func typeText(n schema.Node) string {
	rep := n.RepetitionType().String()
	if p, ok := n.(*schema.PrimitiveNode); ok {
		text := rep + " " + p.PhysicalType().String()
		if p.PhysicalType() == parquet.Types.FixedLenByteArray {
			text += fmt.Sprintf("(%d)", p.TypeLength())
		}
		return text + logicalText(n)
	}
	group := n.(*schema.GroupNode)
	var b strings.Builder
	b.WriteString(rep + " group" + logicalText(n) + " {")
	for i := range group.NumFields() {
		if i > 0 {
			b.WriteString(", ")
		}
		child := group.Field(i)
		fmt.Fprintf(&b, "%q: %s", child.Name(), typeText(child))
	}
	b.WriteString("}")
	return b.String()
}

func logicalText(n schema.Node) string {
	if l := n.LogicalType(); l != nil && l.IsValid() && !l.IsNone() {
		return " " + l.String()
	}
	if c := n.ConvertedType(); c != schema.ConvertedTypes.None {
		return " " + c.String()
	}
	return ""
}
