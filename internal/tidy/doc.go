// Package tidy holds the style of this repository as tests: sizes, documentation, import
// direction, banned words. It has no code of its own; see the test files.
package tidy
