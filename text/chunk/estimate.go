package chunk

import "unicode/utf8"

// Estimate says about how many tokens a text has, without a tokenizer: a token for every five
// letters of ASCII begun in a word, two digits begun in a number, and sign of punctuation; half a
// token for a character of two bytes, one of three (CJK), three of four (emoji). Decision 0033 has
// how far it is off.
//
// That of two parts of a text is together at least that of the text.
func Estimate(text string) int {
	letters, halves, digits, tokens := 0, 0, 0, 0
	for _, c := range []byte(text) {
		switch weight := byteWeights[c]; weight {
		case aLetter:
			letters++
			continue
		case aDigit:
			digits++
			continue
		case half:
			halves++
		default:
			tokens += int(weight)
		}
		tokens += (letters+4)/5 + (digits+1)/2
		letters, digits = 0, 0
	}
	return tokens + (letters+4)/5 + (digits+1)/2 + (halves+1)/2
}

const (
	aLetter = 255 - iota
	aDigit
	half
)

// byteWeights are the tokens of bytes: of what is not ASCII the first byte stands for all.
var byteWeights = func() (table [256]uint8) {
	for c := range table {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			table[c] = aLetter
		case c >= '0' && c <= '9':
			table[c] = aDigit
		case c > ' ' && c < utf8.RuneSelf:
			table[c] = 1
		case c >= 0xC0 && c < 0xE0:
			table[c] = half
		case c >= 0xE0 && c < 0xF0:
			table[c] = 1
		case c >= 0xF0:
			table[c] = 3
		}
	}
	return table
}()
