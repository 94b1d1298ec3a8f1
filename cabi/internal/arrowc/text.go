package arrowc

import (
	"fmt"
	"strings"
)

// CheckTextSchema refuses the schema of what is no column of texts: utf8, large_utf8, utf8_view or
// a dictionary of these.
//
// Errors: ColumnError.
func CheckTextSchema(s *Schema) error {
	texts := s
	if s.Dictionary != nil {
		if form := s.format(); len(form) != 1 || !strings.Contains("cCsSiIlL", form) {
			return broken("a dictionary's rows of %s", nameOf(form))
		}
		texts = s.Dictionary
	}
	switch format := texts.format(); {
	case texts.Dictionary != nil:
		return refuse("a dictionary of a dictionary", "decode it first")
	case format == "+s" && s == texts:
		return refuse("this is a table (or a struct column), not a column of texts",
			"select the column")
	case format != "u" && format != "U" && format != "vu":
		return refuse(fmt.Sprintf("a column of %s holds no texts", nameOf(format)),
			"use string, large_string, string_view or a dictionary of these")
	}
	for _, part := range []*Schema{s, texts} {
		if part.NChildren != 0 {
			return broken("%d children of texts", part.NChildren)
		}
		if err := part.checkMetadata(); err != nil {
			return err
		}
	}
	return nil
}

// CheckTexts refuses what CheckTextSchema refuses, and arrays that contradict themselves or their
// schema. Which texts the rows of a dictionary name is not looked at.
//
// Errors: ColumnError.
func CheckTexts(s *Schema, a *Array) error {
	if err := CheckTextSchema(s); err != nil {
		return err
	}
	if err := a.checkHeader(); err != nil {
		return err
	}
	if (s.Dictionary == nil) != (a.Dictionary == nil) {
		return broken("a dictionary in the schema or the array alone")
	}
	if s.Dictionary == nil {
		return a.checkUTF8(s)
	}
	if err := a.checkNumbers(s); err != nil {
		return err
	}
	if err := a.Dictionary.checkHeader(); err != nil {
		return err
	}
	if a.Dictionary.Dictionary != nil {
		return broken("a dictionary of a dictionary in the array alone")
	}
	return a.Dictionary.checkUTF8(s.Dictionary)
}

func (a *Array) checkUTF8(s *Schema) error {
	if s.format() == "vu" {
		return a.checkViews(s)
	}
	return a.checkText(s, s.format())
}
