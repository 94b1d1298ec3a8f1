//go:build race

package lake_test

const raced = true
