// Package benchmarks holds the Go side of `make bench`; the rest is Python. See README.md beside
// this file for what is measured and how to read it.
package benchmarks
