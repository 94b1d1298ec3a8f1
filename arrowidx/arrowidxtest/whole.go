package arrowidxtest

import "flag"

var whole = flag.Bool("whole", false, "also try what takes long")

// Whole reports whether tests try all combinations of what they promise: go test -whole, which
// checks/long.sh runs. Without it those that take long try a part, in which everything is once.
func Whole() bool { return *whole }
