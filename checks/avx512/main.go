//go:build linux

// Command avx512 is the first process of the machine that checks/avx512.sh emulates: it runs the
// test program /test with the arguments in /arguments, says how it ended, and switches off.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// drain is how long the serial line gets to hand over what was written, in the machine's time.
const drain = 3 * time.Second

func main() {
	fmt.Println("\nRESULT:", outcome(run()))
	time.Sleep(drain)
	if err := syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		fmt.Println("cannot switch off:", err)
	}
}

func outcome(err error) string {
	if err != nil {
		return "failed: " + err.Error()
	}
	return "ok"
}

// run makes the machine usable and runs the test program.
func run() error {
	for _, m := range []struct{ kind, at string }{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"tmpfs", "/tmp"}, {"devtmpfs", "/dev"},
	} {
		if err := syscall.Mount(m.kind, m.at, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	arguments, err := os.ReadFile("/arguments")
	if err != nil {
		return err
	}
	test := exec.Command("/test", strings.Fields(string(arguments))...)
	// Go's garbage collector has AVX-512 code of its own, which needs GFNI. Bochs 2.7 gets something
	// in it wrong: objects are lost. Without DQ the runtime does not choose it.
	test.Env = []string{"GODEBUG=cpu.avx512dq=off",
		"RUVECTOR_REQUIRE=avx512", "HOME=/tmp", "TMPDIR=/tmp", "PATH=/"}
	test.Stdout, test.Stderr = os.Stdout, os.Stderr
	return test.Run()
}
